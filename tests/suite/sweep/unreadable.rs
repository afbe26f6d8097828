//! Records that this version cannot read are reported and left alone; those with more in them are read.

use std::time::Duration;

use asg_patch::group::names::record_parameter;
use asg_patch::group::{Code, Outcome};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::request::RunRequest;
use asg_patch::sim::Account;
use chrono::TimeDelta;

use super::{brief, changes, check, dead, restore, stride};
use crate::common::{Scenario, drive, end, in_virtual_time};

/// Of the stages at which a record is made unreadable, and that in many ways.
const STRANGE_STRIDE: usize = 29;

/// Other texts than this version writes, made from one that it wrote.
fn strange(text: &str) -> Vec<(&'static str, String)> {
    let nested = text.replace("\"capacity\":{", "\"capacity\":{\"warm\":1,");
    vec![
        ("newer", text.replace("\"schema\":1", "\"schema\":2")),
        ("older", text.replace("\"schema\":1", "\"schema\":0")),
        ("without a schema", text.replace("\"schema\":1,", "")),
        ("unknown within", nested),
        (
            "without its capacity",
            text.replace("\"capacity\"", "\"sizes\""),
        ),
        ("cut", text[..text.len() / 2].to_owned()),
        ("not JSON", "to be looked at by Ann".to_owned()),
        (
            "of another group",
            text.replace("\"group\":\"", "\"group\":\"x"),
        ),
    ]
}

fn overwrite(account: &Account, group: &str, text: &str) {
    account.with_world(|w| {
        let parameter = w
            .ssm
            .parameters
            .by_name
            .get_mut(&record_parameter(&group.into()));
        parameter.expect("a record").value = text.to_owned();
    });
}

fn text_of(account: &Account, group: &str) -> Option<String> {
    account.with_world(|w| {
        let parameter = w
            .ssm
            .parameters
            .by_name
            .get(&record_parameter(&group.into()));
        parameter.map(|p| p.value.clone())
    })
}

/// It is reported with its text, and neither it nor the group is touched: not by `restore`, whatever it is
/// asked for, nor by the next night's run. With its text as it was the group is restored.
#[test]
fn a_record_that_cannot_be_read() {
    let mut tries = Vec::new();
    for dead in dead("sleeping-latest", stride(STRANGE_STRIDE)) {
        let group = in_virtual_time(1, async {
            end::open_groups(&dead.account.thaw()).remove(0)
        });
        let text =
            in_virtual_time(1, async { text_of(&dead.account.thaw(), &group) }).expect("a record");
        for (what, strange) in strange(&text) {
            tries.push((
                dead.name.clone(),
                dead.seed,
                dead.untouched.clone(),
                dead.account.clone(),
                group.clone(),
                text.clone(),
                what,
                strange,
            ));
        }
    }
    check(
        "records that cannot be read",
        tries,
        |(name, seed, untouched, account, group, text, what, strange)| {
            in_virtual_time(seed, async {
                let account = account.thaw();
                overwrite(&account, &group, &strange);
                let mut problems = Vec::new();
                let mut expect = |who: &str, ok: bool, found: String| {
                    if !ok {
                        problems.push(format!("{name}, {what}, {who}: {found}"));
                    }
                };
                let reported = |g: &GroupReport| {
                    g.group == group
                        && g.code == Some(Code::RecordUnreadable)
                        && g.left_open
                        && g.reason.contains(&strange)
                };
                for groups in [Vec::new(), vec![group.clone()]] {
                    let report = restore(&account, "operator", groups.clone())
                        .await
                        .expect("a report");
                    let ok = report.groups.iter().all(reported)
                        && report.groups.len() == 1
                        && changes(&report).is_empty();
                    expect(
                        &format!("restore {groups:?}"),
                        ok,
                        format!("{:?} {:?}", brief(&report.groups), changes(&report)),
                    );
                }
                let calls = account.calls().changes().count();
                let next = next_night(&account).await;
                let changed = account
                    .calls()
                    .changes()
                    .skip(calls)
                    .map(|c| c.name.clone())
                    .collect::<Vec<_>>();
                let entry = next.groups.iter().find(|g| g.group == group);
                let left_alone = entry.is_some_and(|g| {
                    g.outcome == Outcome::Skipped && g.code == Some(Code::RecordUnreadable)
                });
                expect(
                    "the next run",
                    left_alone && changed.is_empty(),
                    format!("{:?} {changed:?}", brief(&next.groups)),
                );
                let reported = next.warnings.iter().any(|w| w.contains(&strange));
                expect(
                    "the next run's warnings",
                    reported,
                    format!("{:?}", next.warnings),
                );
                expect(
                    "the parameter",
                    text_of(&account, &group).as_ref() == Some(&strange),
                    format!("{:?}", text_of(&account, &group)),
                );
                overwrite(&account, &group, &text);
                let report = restore(&account, "operator", vec![group.clone()])
                    .await
                    .expect("a report");
                expect(
                    "at last",
                    report.groups[0].code == Some(Code::RestoredFromRecord),
                    format!("{:?}", brief(&report.groups)),
                );
                let left = end::problems(&account, &untouched).await;
                expect("at the end", left.is_empty(), left.join("; "));
                problems
            })
        },
    );
}

/// Fields that a later writer of the same schema adds, and that are not needed, do no harm.
#[test]
fn a_record_with_more_in_it() {
    check(
        "records with more in them",
        dead("sleeping-latest", stride(STRANGE_STRIDE)),
        |dead| {
            in_virtual_time(dead.seed, async {
                let account = dead.account.thaw();
                let group = end::open_groups(&account).remove(0);
                let text = text_of(&account, &group).expect("a record");
                overwrite(
                    &account,
                    &group,
                    &text.replacen('{', "{\"mood\":\"fine\",", 1),
                );
                let report = restore(&account, "operator", vec![group])
                    .await
                    .expect("a report");
                let mut problems = end::problems(&account, &dead.untouched).await;
                if report.groups[0].code != Some(Code::RestoredFromRecord) {
                    problems.push(format!("{:?}", brief(&report.groups)));
                }
                problems
                    .iter()
                    .map(|p| format!("{}: {p}", dead.name))
                    .collect()
            })
        },
    );
}

async fn next_night(account: &Account) -> RunReport {
    account.clock().wait(Duration::from_secs(20 * 3600)).await;
    let now = account.clock().now();
    let window =
        asg_patch::schedule::Window::lasting(now, TimeDelta::hours(3), TimeDelta::hours(1));
    let request = RunRequest {
        run_id: "run-next".into(),
        owner: "test:2".into(),
        window: window.expect("a window"),
        ..Scenario::load("sleeping-latest").request
    };
    drive(account, &request, None).await.expect("a report").0
}
