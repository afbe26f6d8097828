//! Marks: a channel without a list gets a notice once at most, whatever is lost.

use asg_patch::aws::Aws;
use asg_patch::channels::{Channel, Done, Outside, Receipt};
use asg_patch::notices::{Notice, NoticeEvent, TargetIds, bare};
use asg_patch::run::TellError;
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::parties::PartyFault;
use asg_patch::sim::{Account, fleet, sdk};

use super::{Outsiders, answer, bot, channel, hook};

fn accounts() -> (Account, Aws, Outsiders) {
    let account = fleet::parse(fleet::SAMPLE).unwrap().account(1);
    let aws = Aws::new(
        account.clock().clone(),
        sdk::sdk_config(&account, "notices"),
    );
    let world = Outsiders::on(account.clock().clone());
    (account, aws, world)
}

fn posts(world: &Outsiders) -> Vec<(String, u32)> {
    world.parties.with(|p| {
        let posts = &p.slack.channels["C0SIMULATED"].posts;
        posts
            .iter()
            .map(|p| (p.text.split('.').next().unwrap().to_owned(), p.edits))
            .collect()
    })
}

fn marks(account: &Account) -> Vec<String> {
    account.with_world(|w| {
        let names = w.ssm.parameters.by_name.keys();
        let names = names.filter_map(|n| n.strip_prefix("/asg-patch/notices/"));
        names
            .map(|n| n.rsplit('/').next().unwrap().to_owned())
            .collect()
    })
}

async fn tell(
    aws: &Aws,
    outside: &Outside,
    channel: &Channel,
    ids: &TargetIds,
    notice: &Notice,
) -> Result<Receipt, TellError> {
    asg_patch::run::tell(aws, outside, &channel.clone().into(), ids, notice).await
}

const PLAIN: TargetIds = TargetIds::Plain;

#[tokio::test(start_paused = true)]
async fn a_notice_is_posted_once_and_the_message_is_found_again() {
    let (account, aws, world) = accounts();
    let scheduled = bare(NoticeEvent::Scheduled);
    let done = async |notice| {
        tell(&aws, &world.outside, &bot(), &PLAIN, notice)
            .await
            .unwrap()
            .done
    };
    assert_eq!(done(&scheduled).await, Done::Posted);
    assert_eq!(done(&scheduled).await, Done::ToldBefore);
    // Another invocation: all it knows is in the marks.
    assert_eq!(done(&bare(NoticeEvent::Begun)).await, Done::Edited);
    assert_eq!(marks(&account), ["begun", "message", "scheduled"]);
    assert_eq!(posts(&world)[0].1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_never_asked_for_again() {
    let (account, aws, world) = accounts();
    let notice = bare(NoticeEvent::Begun);
    world.fault("slack.com", 1, PartyFault::ReplyLost);
    let error = tell(&aws, &world.outside, &hook(), &PLAIN, &notice)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("may have been taken"), "{error}");
    let again = tell(&aws, &world.outside, &hook(), &PLAIN, &notice)
        .await
        .unwrap();
    assert_eq!((again.done, posts(&world).len()), (Done::ToldBefore, 1));
    assert_eq!(marks(&account), ["begun"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_sent_with_the_next_look() {
    let (account, aws, world) = accounts();
    let notice = bare(NoticeEvent::Begun);
    world.fault("slack.com", 1, answer(404, "no_service"));
    tell(&aws, &world.outside, &hook(), &PLAIN, &notice)
        .await
        .unwrap_err();
    assert_eq!(marks(&account), [""; 0]);
    let again = tell(&aws, &world.outside, &hook(), &PLAIN, &notice)
        .await
        .unwrap();
    assert_eq!((again.done, posts(&world).len()), (Done::Posted, 1));
}

/// The answer to our own mark is lost, and the SDK asks again: it is still ours.
#[tokio::test(start_paused = true)]
async fn a_mark_whose_answer_was_lost_is_our_own() {
    let (account, aws, world) = accounts();
    account.with_faults(|f| {
        f.add(FaultRule::at(
            "ssm:PutParameter",
            0,
            1,
            InjectedFault::ReplyLost,
        ))
    });
    let told = tell(
        &aws,
        &world.outside,
        &hook(),
        &PLAIN,
        &bare(NoticeEvent::Begun),
    )
    .await
    .unwrap();
    assert_eq!((told.done, posts(&world).len()), (Done::Posted, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_mark_nothing_is_sent() {
    let (account, aws, world) = accounts();
    let denied = asg_patch::sim::wire::ApiError::new("AccessDeniedException", "no");
    account.with_faults(|f| {
        f.add(FaultRule::at(
            "ssm:PutParameter",
            0,
            9,
            InjectedFault::Error(denied),
        ))
    });
    let error = tell(
        &aws,
        &world.outside,
        &hook(),
        &PLAIN,
        &bare(NoticeEvent::Begun),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, TellError::Mark { .. }), "{error}");
    assert_eq!(world.asked(""), 0);
}

/// A change is mailed to all subscribers of a page: not with every look.
#[tokio::test(start_paused = true)]
async fn a_page_is_changed_once_and_again_only_if_nobody_knows() {
    let (account, aws, world) = accounts();
    let page = channel(
        "statuspage",
        "statuspage-key-0001",
        "page = \"simulatedpage\"",
    );
    let ids = TargetIds::Components(vec!["simulated1".into()]);
    let begun = bare(NoticeEvent::Begun);
    let mails = || {
        world
            .parties
            .with(|p| p.statuspage.pages["simulatedpage"].incidents[0].mails)
    };
    world.fault("PATCH ", 2, answer(500, "trouble"));
    tell(&aws, &world.outside, &page, &ids, &begun)
        .await
        .unwrap_err();
    assert_eq!((marks(&account), mails()), (Vec::new(), 1));
    let done = async || {
        tell(&aws, &world.outside, &page, &ids, &begun)
            .await
            .unwrap()
            .done
    };
    assert_eq!(
        (done().await, done().await),
        (Done::Changed, Done::ToldBefore)
    );
    assert_eq!((marks(&account), mails()), (vec!["begun".to_owned()], 2));
}
