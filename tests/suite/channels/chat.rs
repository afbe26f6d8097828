//! Slack, Teams and signed webhooks.

use std::time::Duration;

use asg_patch::channels::{Done, FaultKind};
use asg_patch::notices::{NoticeEvent, TargetIds, Told, bare, sample};
use asg_patch::sim::parties::{PartyFault, PartyResponse, SlackPost};
use chrono::TimeDelta;
use expect_test::expect;

use super::{BOT_TOKEN, KEY, Outsiders, answer, bot, channel, hook};

const TEAMS: &str = "https://prod-7.westeurope.logic.azure.com/workflows/ab%2Fcd/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=simulated-_0";

fn shown(posts: &[SlackPost]) -> String {
    let line = |post: &SlackPost| {
        let place = match &post.thread_ts {
            Some(_) => "  in its thread: ",
            None => "",
        };
        let edits = match post.edits {
            0 => String::new(),
            n => format!(" (edited {n} times)"),
        };
        format!("{place}{}{edits}", post.text)
    };
    posts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn posts(world: &Outsiders) -> Vec<SlackPost> {
    world
        .parties
        .with(|p| p.slack.channels["C0SIMULATED"].posts.clone())
}

#[tokio::test(start_paused = true)]
async fn a_window_is_one_message_that_is_edited_with_details_in_its_thread() {
    let world = Outsiders::new();
    let mut told = Told::default();
    let mut done = Vec::new();
    for event in [
        NoticeEvent::Scheduled,
        NoticeEvent::BeginsSoon,
        NoticeEvent::Begun,
    ] {
        let notice = bare(event);
        let sent = world
            .tell(&bot(), &TargetIds::Plain, &notice, &mut told)
            .await;
        done.push(sent.unwrap().done);
    }
    let ended = sample(NoticeEvent::Ended);
    let receipt = world
        .tell(&bot(), &TargetIds::Plain, &ended, &mut told)
        .await
        .unwrap();
    assert_eq!(receipt.warnings, [""; 0]);
    done.push(receipt.done);
    assert_eq!(
        done,
        [Done::Posted, Done::Edited, Done::Edited, Done::Edited]
    );
    expect![[r#"
        Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched, 1 rolled back. (edited 3 times)
          in its thread: Patching begins soon: shop (Production). Patching of shop (Production) begins at 06:00 CEST.
          in its thread: Patching has begun: shop (Production). shop (Production) is being patched, until 09:00 CEST at the latest.
          in its thread: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched, 1 rolled back."#]].assert_eq(&shown(&posts(&world)));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_edited_is_followed_by_another() {
    let world = Outsiders::new();
    let mut told = Told::default();
    let scheduled = bare(NoticeEvent::Scheduled);
    world
        .tell(&bot(), &TargetIds::Plain, &scheduled, &mut told)
        .await
        .unwrap();
    world
        .parties
        .with(|p| p.slack.edit_window = Some(TimeDelta::hours(1)));
    world.clock.wait(Duration::from_secs(2 * 3600)).await;
    let first = told.message.clone();
    let receipt = world
        .tell(
            &bot(),
            &TargetIds::Plain,
            &bare(NoticeEvent::Begun),
            &mut told,
        )
        .await
        .unwrap();
    assert_eq!(receipt.done, Done::Posted);
    assert!(
        receipt.warnings[0].contains("edit_window_closed"),
        "{receipt:?}"
    );
    assert_eq!(told.message, first);
    assert!(posts(&world).iter().skip(1).all(|p| p.thread_ts.is_some()));
    // Someone deletes it: the thread is gone, too.
    world.parties.with(|p| {
        p.slack.edit_window = None;
        p.slack
            .channels
            .get_mut("C0SIMULATED")
            .unwrap()
            .posts
            .clear();
    });
    let receipt = world
        .tell(
            &bot(),
            &TargetIds::Plain,
            &bare(NoticeEvent::Ended),
            &mut told,
        )
        .await
        .unwrap();
    assert!(
        receipt.warnings[0].contains("message_not_found"),
        "{receipt:?}"
    );
    assert_ne!(told.message, first);
    assert_eq!(posts(&world)[0].thread_ts, None);
}

#[tokio::test(start_paused = true)]
async fn slacks_words_are_final_or_pass() {
    let world = Outsiders::new();
    let notice = bare(NoticeEvent::Begun);
    let mut said = Vec::new();
    let foreign = channel("slack-bot", BOT_TOKEN, "slack-channel = \"C0UNKNOWN0\"");
    said.push(world.once(&foreign, &notice).await.unwrap_err());
    world
        .parties
        .with(|p| p.slack.channels.get_mut("C0SIMULATED").unwrap().is_foreign = true);
    said.push(world.once(&bot(), &notice).await.unwrap_err());
    world
        .parties
        .with(|p| p.slack.channels.get_mut("C0SIMULATED").unwrap().is_archived = true);
    said.push(world.once(&bot(), &notice).await.unwrap_err());
    said.push(world.once(&hook(), &notice).await.unwrap_err());
    world.parties.with(|p| p.slack.hooks.clear());
    said.push(world.once(&hook(), &notice).await.unwrap_err());
    world
        .parties
        .with(|p| p.slack.revoked.insert(BOT_TOKEN.to_owned()));
    said.push(world.once(&bot(), &notice).await.unwrap_err());
    assert!(
        said.iter()
            .all(|f| f.class == FaultKind::Final && f.is_refused())
    );
    let said: Vec<String> = said.iter().map(ToString::to_string).collect();
    expect![[r#"
        channel 'slack-bot' (slack-bot): the service did not take it (channel_not_found). Name the channel's id (C...) as its details in Slack show it, and invite the bot
        channel 'slack-bot' (slack-bot): the service did not take it (not_in_channel). Invite the bot: /invite @BOT in the channel
        channel 'slack-bot' (slack-bot): the service did not take it (is_archived). Unarchive the channel, or name another
        channel 'slack-webhook' (slack-webhook): the service did not take it (channel_is_archived). Unarchive the channel, or name another
        channel 'slack-webhook' (slack-webhook): the service did not take it (no_service). The webhook is gone: make a new one, and store its address in the channel's secret parameter
        channel 'slack-bot' (slack-bot): the service did not take it (token_revoked). Install the app anew, and store its bot token in the channel's secret parameter"#]].assert_eq(&said.join("\n"));
    assert_eq!(
        world.asked("slack.com"),
        6,
        "a final refusal is not repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_waited_out_and_a_long_one_left_to_the_next_notice() {
    let world = Outsiders::new();
    let notice = bare(NoticeEvent::Begun);
    let slow = |seconds: &str| {
        let refusal = PartyResponse::text(429, r#"{"ok":false,"error":"ratelimited"}"#);
        PartyFault::Answer(refusal.with("retry-after", seconds))
    };
    world.fault("chat.postMessage", 2, slow("7"));
    let before = world.now();
    world.once(&bot(), &notice).await.unwrap();
    let took = (world.now() - before).num_seconds();
    assert!((14..16).contains(&took), "{took}");
    world.fault("chat.postMessage", 9, slow("600"));
    let before = world.now();
    let fault = world.once(&bot(), &notice).await.unwrap_err();
    assert_eq!(fault.class, FaultKind::SlowDown);
    assert_eq!(fault.retry_after, Some(Duration::from_secs(600)));
    assert!((world.now() - before).num_seconds() < 2);
    // Its own rate: a burst, then one a second.
    let world = Outsiders::new();
    for _ in 0..9 {
        world.once(&hook(), &notice).await.unwrap();
    }
    assert_eq!(posts(&world).len(), 9);
    assert!(world.asked("hooks.slack.com") > 9);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_reported_and_not_asked_for_again() {
    let notice = bare(NoticeEvent::Begun);
    let lost = [
        PartyFault::ReplyLost,
        PartyFault::EffectThenAnswer(PartyResponse::text(504, "gateway time-out")),
    ];
    for fault in lost {
        for chat in [bot(), hook()] {
            let world = Outsiders::new();
            world.fault("slack.com", 1, fault.clone());
            let said = world.once(&chat, &notice).await.unwrap_err();
            assert_eq!(said.class, FaultKind::Unknown, "{said}");
            assert!(!said.is_refused());
            assert_eq!(posts(&world).len(), 1);
        }
    }
    let world = Outsiders::new();
    world.fault("slack.com", 1, PartyFault::Hang);
    let before = world.now();
    let said = world.once(&hook(), &notice).await.unwrap_err();
    assert_eq!(
        (said.class, (world.now() - before).num_seconds()),
        (FaultKind::Unknown, 20)
    );
    // What surely did not arrive may be sent again.
    for fault in [PartyFault::NeverConnected, answer(500, "rollup_error")] {
        let world = Outsiders::new();
        world.fault("slack.com", 1, fault);
        world.once(&hook(), &notice).await.unwrap();
        assert_eq!(posts(&world).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_are_not_followed() {
    let world = Outsiders::new();
    for status in [301, 302, 307, 308] {
        let elsewhere = PartyResponse::text(status, "")
            .with("location", "http://169.254.169.254/latest/meta-data");
        world.fault("hooks.slack.com", 1, PartyFault::Answer(elsewhere));
        let fault = world
            .once(&hook(), &bare(NoticeEvent::Begun))
            .await
            .unwrap_err();
        assert_eq!(
            (fault.class, fault.word),
            (FaultKind::Final, format!("HTTP {status}"))
        );
    }
    assert_eq!(world.asked(""), 4);
}

#[tokio::test(start_paused = true)]
async fn teams_accepts_first_and_shows_later() {
    let world = Outsiders::new();
    let teams = channel("teams", TEAMS, "");
    let receipt = world
        .once(&teams, &sample(NoticeEvent::Ended))
        .await
        .unwrap();
    assert_eq!(
        (receipt.done, receipt.said.as_str()),
        (Done::Accepted, "HTTP 202")
    );
    assert_eq!(world.parties.with(|p| p.teams.shown.len()), 0);
    world.clock.wait(Duration::from_secs(5)).await;
    let (shown, failed) = world
        .parties
        .with(|p| (p.teams.shown.clone(), p.teams.failed_runs.clone()));
    assert_eq!(
        (shown[0]["type"].as_str(), failed.len()),
        (Some("AdaptiveCard"), 0)
    );
    // A workflow that wants the card alone is not what the simulated one is: it says so only in its history.
    let bare_card = channel("teams", TEAMS, "bare-card = true");
    world
        .once(&bare_card, &sample(NoticeEvent::Ended))
        .await
        .unwrap();
    world.clock.wait(Duration::from_secs(5)).await;
    assert_eq!(world.parties.with(|p| p.teams.failed_runs.len()), 1);
    // An address that someone encoded anew.
    let changed = channel("teams", &TEAMS.replace("%2F", "/"), "");
    let fault = world
        .once(&changed, &sample(NoticeEvent::Ended))
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("copy it anew"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_keeps_its_id_over_attempts_and_is_signed_anew() {
    let world = Outsiders::new();
    world.parties.with(|p| p.receiver.statuses.push_back(502));
    let extra = "url = \"https://receiver.example.org/patching?of=us\"";
    let hook = channel("webhook", KEY, extra);
    world
        .once(&hook, &sample(NoticeEvent::Ended))
        .await
        .unwrap();
    let got = world.parties.with(|p| p.receiver.requests.clone());
    assert_eq!((got.len(), got[0].target.as_str()), (2, "/patching?of=us"));
    assert_eq!((&got[0].id, &got[0].body), (&got[1].id, &got[1].body));
    assert_ne!(got[0].timestamp, got[1].timestamp);
    assert_ne!(got[0].signature, got[1].signature);
}

/// Names of groups and packages can be long and many: each service takes what is sent all the same.
#[tokio::test(start_paused = true)]
async fn the_longest_notice_is_taken_by_all() {
    let world = Outsiders::new();
    let mut notice = sample(NoticeEvent::Ended);
    notice.groups = (0..400)
        .map(|n| {
            let mut group = notice.groups[1].clone();
            group.group = format!("{n}{}", "<&\"*".repeat(60)).into();
            group
        })
        .collect();
    notice.packages = (0..3_000)
        .map(|n| format!("package-{n}-1.2.3-4.amzn2023"))
        .collect();
    let receipt = world.once(&bot(), &notice).await.unwrap();
    assert_eq!(receipt.warnings, [""; 0]);
    world.once(&hook(), &notice).await.unwrap();
    world
        .once(&channel("teams", TEAMS, ""), &notice)
        .await
        .unwrap();
    world.clock.wait(Duration::from_secs(5)).await;
    let failed = world.parties.with(|p| p.teams.failed_runs.clone());
    assert_eq!((posts(&world).len(), failed), (3, Vec::new()));
}
