//! Event buses of EventBridge as channels: what receivers of events see.

use asg_patch::aws::Aws;
use asg_patch::channels::{Done, FaultKind, Receipt};
use asg_patch::notices::config::ChannelTable;
use asg_patch::notices::{Notice, NoticeEvent, TargetIds, bare, sample};
use asg_patch::run::{TellError, ready, tell};
use asg_patch::sim::faults::{FaultRule, InjectedFault};
use asg_patch::sim::world::buses::BusEvent;
use asg_patch::sim::{Account, fleet};
use serde_json::Value;

use super::Outsiders;
use crate::common;

struct Stage {
    account: Account,
    aws: Aws,
    outsiders: Outsiders,
}

fn table(bus: &str) -> ChannelTable {
    let text = format!("name = \"events\"\nkind = \"event-bus\"\nbus = \"{bus}\"");
    toml::from_str(&text).unwrap()
}

impl Stage {
    async fn new() -> Self {
        let account = fleet::parse(fleet::SAMPLE).unwrap().account(1);
        let aws = common::aws(&account, "notices");
        let create = aws.clients.events.create_event_bus().name("patching");
        create.send().await.unwrap();
        let outsiders = Outsiders::on(account.clock().clone());
        Self {
            account,
            aws,
            outsiders,
        }
    }

    async fn tell(&self, bus: &str, notice: &Notice) -> Result<Receipt, TellError> {
        let channel = ready(&self.aws, &table(bus)).await.unwrap();
        let ids = TargetIds::Plain;
        tell(&self.aws, &self.outsiders.outside, &channel, &ids, notice).await
    }

    fn events(&self) -> Vec<BusEvent> {
        self.account.with_world(|w| w.events.events.clone())
    }

    fn fault(&self, fault: InjectedFault) {
        let rule = FaultRule::at("events:PutEvents", 0, 1, fault);
        self.account.with_faults(|f| f.add(rule));
    }
}

fn detail(event: &BusEvent) -> Value {
    serde_json::from_str(&event.detail).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_event_has_the_data_of_the_webhook_and_an_id() {
    let stage = Stage::new().await;
    let mut ended = sample(NoticeEvent::Ended);
    let arn = "arn:aws:events:eu-west-1:123456789012:event-bus/patching";
    let told = stage.tell(arn, &ended).await.unwrap();
    assert_eq!(told.done, Done::Posted);
    let again = stage.tell(arn, &ended).await.unwrap();
    assert_eq!(again.done, Done::ToldBefore);
    stage
        .tell("default", &bare(NoticeEvent::Begun))
        .await
        .unwrap();
    let events = stage.events();
    let kinds: Vec<(&str, &str, &str)> = events
        .iter()
        .map(|e| (&*e.bus, &*e.source, &*e.detail_type))
        .collect();
    let expected = [
        ("patching", "asg-patch", "patching.ended"),
        ("default", "asg-patch", "patching.begun"),
    ];
    assert_eq!(kinds, expected);
    let found = detail(&events[0]);
    assert_eq!(found["application"], ended.application.as_str());
    assert!(found["groups"].as_array().is_some_and(|g| !g.is_empty()));
    assert!(
        found["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("msg_"))
    );
    assert_ne!(found["id"], detail(&events[1])["id"]);
    // The longest one fits: receivers, and targets of rules, take 256 KiB.
    ended.window_id = "another".into();
    ended.packages = (0..9_000).map(|n| format!("package-{n}.x86_64")).collect();
    stage.tell("patching", &ended).await.unwrap();
    let last = stage.events().pop().unwrap();
    assert!(last.detail.len() < 20 * 1024, "{}", last.detail.len());
    assert!(detail(&last)["packages_left_out"].as_u64() > Some(8_000));
}

/// The answer is lost, and the SDK asks again: the receiver knows the repetition by its id.
#[tokio::test(start_paused = true)]
async fn a_repeated_event_has_the_same_id() {
    let stage = Stage::new().await;
    stage.fault(InjectedFault::ReplyLost);
    let told = stage.tell("patching", &bare(NoticeEvent::Begun)).await;
    assert_eq!(told.unwrap().done, Done::Posted);
    let events = stage.events();
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].id, events[1].id);
    assert_eq!(detail(&events[0])["id"], detail(&events[1])["id"]);
}

/// A call that succeeds may have refused its event.
#[tokio::test(start_paused = true)]
async fn what_was_refused_is_sent_with_the_next_look() {
    let stage = Stage::new().await;
    let notice = bare(NoticeEvent::Begun);
    for (code, class) in [
        ("AccessDeniedException", FaultKind::Final),
        ("NotAuthorizedForSourceException", FaultKind::Final),
        ("ThrottlingException", FaultKind::SlowDown),
        ("InternalFailure", FaultKind::Unknown),
    ] {
        let refuse = |w: &mut asg_patch::sim::world::World| w.events.refusals.push(code.into());
        stage.account.with_world(refuse);
        match stage.tell("patching", &notice).await {
            Err(TellError::Channel(fault)) => {
                assert_eq!((fault.class, fault.word.as_str()), (class, code));
            }
            other => panic!("{code}: {other:?}"),
        }
    }
    assert_eq!(stage.events(), []);
    assert_eq!(
        stage.tell("patching", &notice).await.unwrap().done,
        Done::Posted
    );
    assert_eq!(stage.events().len(), 1);
}

/// AWS takes an event for a bus that there is not, and loses it.
#[tokio::test(start_paused = true)]
async fn a_bus_that_there_is_not_is_found_out() {
    let stage = Stage::new().await;
    let problem = ready(&stage.aws, &table("patchign")).await.unwrap_err();
    assert!(
        problem.contains("expected the event bus patchign, found none"),
        "{problem}"
    );
    // Where it may not be looked at, as in another account, it is believed.
    let denied = asg_patch::sim::wire::ApiError::new("AccessDeniedException", "no");
    let rule = FaultRule::at(
        "events:DescribeEventBus",
        0,
        1,
        InjectedFault::Error(denied),
    );
    stage.account.with_faults(|f| f.add(rule));
    let told = stage
        .tell(
            "arn:aws:events:eu-west-1:999999999999:event-bus/hub",
            &bare(NoticeEvent::Begun),
        )
        .await;
    assert_eq!(told.unwrap().done, Done::Posted);
}
