//! Services that show maintenances: Statuspage, Pingdom, PagerDuty.

use std::time::Duration;

use asg_patch::channels::{Channel, Done, FaultKind, try_out};
use asg_patch::notices::{Notice, NoticeEvent, TargetIds, Told, bare, sample, test_notice};
use asg_patch::sim::parties::{EndsBy, PartyFault, PartyResponse};
use chrono::TimeDelta;

use super::{Outsiders, answer, channel};

fn page() -> Channel {
    channel(
        "statuspage",
        "statuspage-key-0001",
        "page = \"simulatedpage\"",
    )
}

fn components() -> TargetIds {
    TargetIds::Components(vec!["simulated1".into()])
}

fn pingdom() -> Channel {
    channel("pingdom", "pingdom-token-0001", "")
}

fn checks() -> TargetIds {
    TargetIds::Checks(vec![101])
}

fn pagerduty() -> Channel {
    channel(
        "pagerduty",
        "pagerduty-token-0001",
        "from = \"ops@example.org\"",
    )
}

fn services() -> TargetIds {
    TargetIds::Services(vec!["PSIMUL1".into()])
}

/// The notice is sent, and its effect on the service answered.
async fn done(world: &Outsiders, channel: &Channel, ids: &TargetIds, notice: &Notice) -> Done {
    let told = world.tell(channel, ids, notice, &mut Told::default()).await;
    told.unwrap_or_else(|fault| panic!("{}: {fault}", notice.event))
        .done
}

async fn until_begin(world: &Outsiders, notice: &Notice) {
    let begins = notice.times.planned.start + TimeDelta::seconds(30);
    world.clock.wait_until(begins).await;
}

fn incidents(world: &Outsiders) -> Vec<(String, usize, u32)> {
    world.parties.with(|p| {
        let page = &p.statuspage.pages["simulatedpage"];
        let row = |i: &asg_patch::sim::parties::Incident| {
            (i.status().to_owned(), i.updates.len(), i.mails)
        };
        page.incidents.iter().map(row).collect()
    })
}

fn state(world: &Outsiders) -> String {
    world
        .parties
        .with(|p| p.statuspage.pages["simulatedpage"].components["simulated1"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_page_shows_a_maintenance_through_its_life() {
    let world = Outsiders::new();
    let (page, ids) = (page(), components());
    assert_eq!(
        done(&world, &page, &ids, &bare(NoticeEvent::Scheduled)).await,
        Done::Made
    );
    assert_eq!(
        done(&world, &page, &ids, &bare(NoticeEvent::Scheduled)).await,
        Done::AlreadyThere
    );
    assert_eq!(
        done(&world, &page, &ids, &bare(NoticeEvent::BeginsSoon)).await,
        Done::NotNeeded
    );
    // A day early nothing shows on the component.
    assert_eq!(
        (incidents(&world).len(), state(&world).as_str()),
        (1, "operational")
    );
    let begun = bare(NoticeEvent::Begun);
    until_begin(&world, &begun).await;
    assert_eq!(
        (incidents(&world)[0].0.as_str(), state(&world).as_str()),
        ("in_progress", "under_maintenance")
    );
    assert_eq!(done(&world, &page, &ids, &begun).await, Done::Changed);
    // It takes longer: the page says so, and is not "completed" at the planned end.
    let mut longer = bare(NoticeEvent::Moved);
    longer.times.planned.end += TimeDelta::hours(1);
    assert_eq!(done(&world, &page, &ids, &longer).await, Done::Changed);
    world.clock.wait(Duration::from_secs(3 * 3600 + 600)).await;
    assert_eq!(incidents(&world)[0].0, "in_progress");
    let mut open = sample(NoticeEvent::Ended);
    open.groups[0].left_open = true;
    assert_eq!(done(&world, &page, &ids, &open).await, Done::Changed);
    assert_eq!(
        (incidents(&world)[0].0.as_str(), state(&world).as_str()),
        ("verifying", "under_maintenance")
    );
    assert_eq!(
        done(&world, &page, &ids, &sample(NoticeEvent::Ended)).await,
        Done::Ended
    );
    assert_eq!(
        (incidents(&world)[0].0.as_str(), state(&world).as_str()),
        ("completed", "operational")
    );
    assert_eq!(
        done(&world, &page, &ids, &sample(NoticeEvent::Ended)).await,
        Done::NotNeeded
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_off_leaves_the_page() {
    for event in [
        NoticeEvent::Withdrawn,
        NoticeEvent::Frozen,
        NoticeEvent::NotApproved,
        NoticeEvent::Missed,
    ] {
        let world = Outsiders::new();
        done(
            &world,
            &page(),
            &components(),
            &bare(NoticeEvent::Scheduled),
        )
        .await;
        assert_eq!(
            done(&world, &page(), &components(), &bare(event)).await,
            Done::Removed
        );
        assert_eq!(incidents(&world).len(), 0);
        // Once it has begun by itself it is a past one, not none.
        done(
            &world,
            &page(),
            &components(),
            &bare(NoticeEvent::Scheduled),
        )
        .await;
        until_begin(&world, &bare(event)).await;
        assert_eq!(
            done(&world, &page(), &components(), &bare(event)).await,
            Done::Ended
        );
        assert_eq!(incidents(&world)[0].0, "completed");
    }
}

/// Applications of one page have a maintenance each.
#[tokio::test(start_paused = true)]
async fn another_application_has_another_maintenance() {
    let world = Outsiders::new();
    let mut other = bare(NoticeEvent::Scheduled);
    other.application = "blog".into();
    done(
        &world,
        &page(),
        &components(),
        &bare(NoticeEvent::Scheduled),
    )
    .await;
    assert_eq!(
        done(&world, &page(), &components(), &other).await,
        Done::Made
    );
    other.event = NoticeEvent::Withdrawn;
    done(&world, &page(), &components(), &other).await;
    assert_eq!(incidents(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_for_and_nothing_is_made_twice() {
    let faults = || {
        let gateway = PartyResponse::text(502, "bad gateway");
        [PartyFault::ReplyLost, PartyFault::EffectThenAnswer(gateway)]
    };
    for fault in faults() {
        let world = Outsiders::new();
        world.fault("POST ", 1, fault.clone());
        for (channel, ids) in [
            (page(), components()),
            (pingdom(), checks()),
            (pagerduty(), services()),
        ] {
            world.parties.with(|p| p.faults[0].times = 1);
            assert_eq!(
                done(&world, &channel, &ids, &bare(NoticeEvent::Scheduled)).await,
                Done::Made
            );
        }
        let made = world
            .parties
            .with(|p| (p.pingdom.windows.len(), p.pagerduty.windows.len()));
        assert_eq!((incidents(&world).len(), made), (1, (1, 1)));
        // A change that took effect is not made again: it would be mailed twice.
        let before = incidents(&world)[0].2;
        world.fault("PATCH ", 1, fault);
        done(&world, &page(), &components(), &bare(NoticeEvent::Begun)).await;
        assert_eq!(incidents(&world)[0].2, before + 1);
    }
    // One that never arrived is made again.
    for fault in [PartyFault::NeverConnected, PartyFault::Hang] {
        let world = Outsiders::new();
        world.fault("POST ", 1, fault);
        assert_eq!(
            done(
                &world,
                &page(),
                &components(),
                &bare(NoticeEvent::Scheduled)
            )
            .await,
            Done::Made
        );
        assert_eq!(incidents(&world).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_a_page_are_named() {
    let world = Outsiders::new();
    let unknown = TargetIds::Components(vec!["nosuch".into()]);
    let notice = bare(NoticeEvent::Scheduled);
    let mut told = Told::default();
    let fault = world
        .tell(&page(), &unknown, &notice, &mut told)
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultKind::Final);
    assert!(
        fault
            .to_string()
            .contains("Component nosuch does not exist"),
        "{fault}"
    );
    world.parties.with(|p| p.statuspage.lists_errors = true);
    let fault = world
        .tell(&page(), &unknown, &notice, &mut told)
        .await
        .unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("Component nosuch does not exist"),
        "{fault}"
    );
    let other = channel("statuspage", "statuspage-key-0001", "page = \"another\"");
    let fault = world
        .tell(&other, &components(), &notice, &mut told)
        .await
        .unwrap_err();
    assert_eq!(fault.word, "HTTP 404");
    world
        .parties
        .with(|p| p.statuspage.revoked.push("statuspage-key-0001".into()));
    let fault = world
        .tell(&page(), &components(), &notice, &mut told)
        .await
        .unwrap_err();
    assert_eq!(
        (fault.class, fault.word.as_str()),
        (FaultKind::Final, "HTTP 401")
    );
    assert_eq!(incidents(&world).len(), 0);
}

/// One request a second over a minute: a fleet of applications passes all the same.
#[tokio::test(start_paused = true)]
async fn a_pages_rate_is_waited_out() {
    let world = Outsiders::new();
    for number in 0..30 {
        let mut notice = bare(NoticeEvent::Scheduled);
        notice.application = format!("app{number}");
        assert_eq!(
            done(&world, &page(), &components(), &notice).await,
            Done::Made
        );
    }
    assert!(world.asked("statuspage") > 120);
    assert_eq!(incidents(&world).len(), 30);
}

#[tokio::test(start_paused = true)]
async fn checks_are_silent_while_work_is_done_and_no_longer() {
    for (ends_by, wants_text) in [(EndsBy::Window, false), (EndsBy::Occurrence, true)] {
        let world = Outsiders::new();
        world.parties.with(|p| {
            p.pingdom.ends_by = ends_by;
            p.pingdom.wants_text = wants_text;
        });
        let is_silent = || {
            let now = world.now();
            world
                .parties
                .with(|p| p.pingdom.windows.iter().any(|w| w.is_running(now)))
        };
        assert_eq!(
            done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Scheduled)).await,
            Done::Made
        );
        assert_eq!(
            done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Scheduled)).await,
            Done::AlreadyThere
        );
        assert!(!is_silent());
        until_begin(&world, &bare(NoticeEvent::Begun)).await;
        assert_eq!(
            done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Begun)).await,
            Done::AlreadyThere
        );
        assert!(is_silent());
        assert_eq!(
            done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Ended)).await,
            Done::Ended
        );
        assert!(!is_silent());
        assert_eq!(
            done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Ended)).await,
            Done::NotNeeded
        );
        assert_eq!(world.parties.with(|p| p.pingdom.windows.len()), 1);
    }
    // A window of which nobody was told before it began.
    let world = Outsiders::new();
    until_begin(&world, &bare(NoticeEvent::Begun)).await;
    assert_eq!(
        done(&world, &pingdom(), &checks(), &bare(NoticeEvent::Begun)).await,
        Done::Made
    );
    let mut told = Told::default();
    let unknown = TargetIds::Checks(vec![999]);
    let mut other = bare(NoticeEvent::Begun);
    other.application = "blog".into();
    let fault = world
        .tell(&pingdom(), &unknown, &other, &mut told)
        .await
        .unwrap_err();
    assert!(
        fault.to_string().contains("Invalid check identifier: 999"),
        "{fault}"
    );
}

#[tokio::test(start_paused = true)]
async fn windows_of_checks_and_services_move_and_go() {
    let world = Outsiders::new();
    let mut moved = bare(NoticeEvent::Moved);
    moved.times.planned.start += TimeDelta::hours(2);
    moved.times.planned.end += TimeDelta::hours(2);
    for (channel, ids) in [(pingdom(), checks()), (pagerduty(), services())] {
        assert_eq!(
            done(&world, &channel, &ids, &bare(NoticeEvent::Scheduled)).await,
            Done::Made
        );
        assert_eq!(done(&world, &channel, &ids, &moved).await, Done::Changed);
        assert_eq!(
            done(&world, &channel, &ids, &moved).await,
            Done::AlreadyThere
        );
    }
    let planned = moved.times.planned;
    let starts = world
        .parties
        .with(|p| (p.pingdom.windows[0].from, p.pagerduty.windows[0].start));
    assert_eq!(starts, (planned.start.timestamp(), planned.start));
    for (channel, ids) in [(pingdom(), checks()), (pagerduty(), services())] {
        assert_eq!(
            done(&world, &channel, &ids, &bare(NoticeEvent::Withdrawn)).await,
            Done::Removed
        );
    }
    let left = world
        .parties
        .with(|p| (p.pingdom.windows.len(), p.pagerduty.windows.len()));
    assert_eq!(left, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn services_are_silent_until_the_end_of_the_run() {
    let world = Outsiders::new();
    done(
        &world,
        &pagerduty(),
        &services(),
        &bare(NoticeEvent::Scheduled),
    )
    .await;
    until_begin(&world, &bare(NoticeEvent::Begun)).await;
    assert_eq!(
        done(&world, &pagerduty(), &services(), &bare(NoticeEvent::Begun)).await,
        Done::AlreadyThere
    );
    assert_eq!(
        done(&world, &pagerduty(), &services(), &bare(NoticeEvent::Ended)).await,
        Done::Ended
    );
    let now = world.now();
    assert!(world.parties.with(|p| p.pagerduty.windows[0].end) <= now);
}

#[tokio::test(start_paused = true)]
async fn a_test_leaves_nothing_behind() {
    let world = Outsiders::new();
    let notice = test_notice(world.now(), chrono_tz::Tz::UTC);
    for (channel, ids) in [
        (page(), components()),
        (pingdom(), checks()),
        (pagerduty(), services()),
    ] {
        let tried = try_out(&world.outside, &channel, &ids, &notice)
            .await
            .unwrap();
        assert_eq!(tried.done, Done::Removed);
        assert!(tried.said.starts_with("made: "), "{}", tried.said);
    }
    let left = world
        .parties
        .with(|p| (p.pingdom.windows.len(), p.pagerduty.windows.len()));
    assert_eq!((incidents(&world).len(), left), (0, (0, 0)));
    world.fault("DELETE ", 9, answer(500, "no"));
    let fault = try_out(&world.outside, &page(), &components(), &notice)
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultKind::Again);
}
