//! A restore by name is no leave to end a healthy run.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::function;
use super::machine::{End, Machine};
use crate::common::{self, Scenario, in_virtual_time};

fn groups(end: &End) -> &Value {
    match end {
        End::Succeeded(output) => &output["report"]["groups"][0],
        End::Failed { error, cause } => panic!("{error}: {cause}"),
    }
}

#[test]
fn a_restore_by_name_leaves_a_living_run_its_groups() {
    let scenario = Scenario::load("sleeping-latest");
    in_virtual_time(7, async {
        let account = scenario.fleet.account(1);
        let untouched = account.freeze();
        let function = || function(&scenario, &account);
        let restore = async |name: &str, force: bool| {
            let machine = Machine::new(&function, &account, name);
            let input = json!({"mode": "restore", "groups": ["web-nightly"], "force": force});
            machine.execute(input).await
        };
        let run = Machine::new(&function, &account, "nightly");
        let by_hand = async {
            account.clock().wait(Duration::from_secs(200)).await;
            let End::Failed { error, cause } = restore("by-hand", false).await else {
                panic!("it looks done");
            };
            assert!(
                error == "Refused" && cause.starts_with("AP-0604"),
                "{cause}"
            );
            assert!(cause.contains("is alive"), "{cause}");
            account.clock().wait(Duration::from_secs(200)).await;
            restore("forced", true).await
        };
        let (end, forced) = tokio::join!(run.execute(json!({})), by_hand);
        assert_eq!(groups(&forced)["code"], "AP-0602");
        assert_eq!(groups(&end)["code"], "AP-0505", "{end:?}");
        assert_eq!(
            common::end::problems(&account, &untouched).await,
            Vec::<String>::new()
        );
    });
}

/// The rule's event may be lost, and the deadline is hours away.
#[test]
fn a_restore_by_name_takes_the_groups_of_a_run_that_has_ended() {
    let scenario = Scenario::load("sleeping-latest");
    in_virtual_time(7, async {
        let account = scenario.fleet.account(1);
        let function = || function(&scenario, &account);
        let run = Machine::new(&function, &account, "nightly");
        let stop = async {
            account.clock().wait(Duration::from_secs(200)).await;
            run.stop();
        };
        tokio::select! {
            biased;
            end = run.execute(json!({})) => panic!("{end:?}"),
            () = stop => {}
        }
        let input = json!({"mode": "restore", "groups": ["web-nightly"]});
        let soon = Machine::new(&function, &account, "soon")
            .execute(input.clone())
            .await;
        // An invocation may be at work yet.
        assert!(matches!(soon, End::Failed { cause, .. } if cause.starts_with("AP-0604")));
        let clock = account.clock();
        clock.wait_until(clock.now() + TimeDelta::minutes(6)).await;
        let later = Machine::new(&function, &account, "later")
            .execute(input)
            .await;
        assert_eq!(groups(&later)["code"], "AP-0602");
        assert!(common::end::open_groups(&account).is_empty());
    });
}
