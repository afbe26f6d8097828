//! A fleet file that is made of an account stands for it: what a run would do with the groups is the same.

use std::collections::BTreeMap;

use asg_patch::aws::{Instances, Refreshes, describe_account};
use asg_patch::group::facts::GroupFacts;
use asg_patch::ids::GroupName;
use asg_patch::report::{FleetHeading, PlanReport, PlannedGroup, fleet_file};
use asg_patch::run;
use asg_patch::sim::Account;

use crate::common::{self, Scenario, in_virtual_time, on_all_cores, scenario_names};

/// Per group: its code if it is refused, else its sizes, version, wave and notes.
fn gist(plan: &PlanReport) -> BTreeMap<GroupName, String> {
    let gist = |g: &PlannedGroup| match &g.refusal {
        Some(failure) => failure.code.to_string(),
        None => format!("{:?} {:?} {} {:?}", g.capacity, g.version, g.wave, g.notes),
    };
    let groups = plan.groups.iter();
    groups.map(|g| (g.group.clone(), gist(g))).collect()
}

/// The two plans; none if the account itself cannot be planned.
async fn plans(
    scenario: &Scenario,
    account: &Account,
) -> Option<(PlanReport, Result<PlanReport, String>)> {
    let aws = common::aws(account, "snapshot");
    let request = &scenario.request;
    let plan = run::plan(&aws, request).await.ok()?;
    let wanted = |g: &GroupFacts| request.selection.wants(&g.name, &g.tags);
    let facts = describe_account(&aws.clients, Instances::Without, Refreshes::Sought, wanted)
        .await
        .ok()?;
    let heading = FleetHeading {
        region: aws.region.clone(),
        read_at: aws.clock.now(),
        start: scenario.fleet.start(),
        missing: 12,
        tag_key: request.selection.tag.key.clone(),
    };
    let text = fleet_file(&facts, wanted, &heading).expect("TOML holds it");
    let copied = match asg_patch::sim::fleet::parse(&text) {
        Err(error) => Err(format!("{error}\n{text}")),
        Ok(fleet) => {
            let copy = fleet.account(1);
            // On the copy's own clock, as a process of its own would.
            let aws = common::aws(&copy, "copy");
            run::plan(&aws, request).await.map_err(|e| e.to_string())
        }
    };
    Some((plan, copied))
}

#[test]
fn a_copy_of_an_account_is_planned_alike() {
    let mut names: Vec<String> = scenario_names();
    // Documents and runbooks are not read, nor what a run itself names: another stands for each that a group names.
    let unlike = ["before-document", "after-document", "documents-refused"];
    names.retain(|name| !unlike.contains(&name.as_str()));
    let compared = on_all_cores(names, |name| {
        let scenario = Scenario::load(&name);
        let both = in_virtual_time(7, async {
            let account = scenario.fleet.account(1);
            plans(&scenario, &account).await
        });
        both.map(|(plan, copied)| match copied {
            Err(problem) => Err(format!("{name}: {problem}")),
            Ok(copied) if gist(&copied) == gist(&plan) => Ok(()),
            Ok(copied) => Err(format!(
                "{name}: expected {:#?}, found {:#?}",
                gist(&plan),
                gist(&copied)
            )),
        })
    });
    let compared: Vec<Result<(), String>> = compared.into_iter().flatten().collect();
    assert!(compared.len() > 50, "{}", compared.len());
    let wrong: Vec<String> = compared.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
