//! Images that the stack's runs publish, if it is to.

use asg_patch::channels::Outside;
use asg_patch::lambda::Function;
use asg_patch::report::RunReport;
use asg_patch::sim::parties::PartiesConnector;
use serde_json::json;

use super::machine::{End, Machine};
use super::settings;
use crate::channels::Outsiders;
use crate::common::{self, Scenario, in_virtual_time};
use crate::publish::{FLEET, expected, published};

#[test]
fn the_stack_publishes_images_only_if_it_is_to() {
    for is_wanted in [true, false] {
        let scenario = Scenario::parse(FLEET).expect("a fleet");
        in_virtual_time(1, async {
            let account = scenario.fleet.account(1);
            let outsiders = Outsiders::on(account.clock().clone());
            let function = || {
                let mut settings = settings(&scenario, &account);
                settings.publish_images = is_wanted;
                let parties = PartiesConnector::new(outsiders.parties.clone());
                let outside = Outside::over(parties, account.clock().clone());
                Function::new(common::aws(&account, "function"), outside, settings, |_| {})
            };
            let end = Machine::new(&function, &account, "publishing")
                .execute(json!({"groups": []}))
                .await;
            let End::Succeeded(output) = end else {
                panic!("{end:?}");
            };
            let report: RunReport =
                serde_json::from_value(output["report"].clone()).expect("a report");
            let wanted = if is_wanted {
                expected(&report)
            } else {
                Vec::new()
            };
            assert_eq!(published(&account), wanted, "{:?}", report.warnings);
        });
    }
}
