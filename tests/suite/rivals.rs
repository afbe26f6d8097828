//! Rivals: everything that someone else may do to a group, its template, its instances, our image and our
//! record, at every phase of a run. What others set stands, nobody's change is undone, nothing of ours is
//! left, and each ends with an outcome and a code of its own: the table in `tests/rivals.expected`.
//!
//! The measure is the same world with the rival in it and without the run.
//! `UPDATE_EXPECT=1 cargo test --test suite rivals` rewrites the table; `RIVALS_ONLY=text` tries only what
//! contains the text, and prints its report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use asg_patch::report::{GroupReport, RunReport};
use asg_patch::sim::world::World;
use asg_patch::sim::world::rivals::{Action, Trigger, plan_every};
use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect_file;

use crate::common::{Ran, Scenario, end, in_virtual_time, invariants, on_all_cores};

/// Sleeping groups by each pin style, one of a template with another, one that runs behind a load balancer, and one
/// whose owner has documents of its own run.
const SCENARIOS: [&str; 6] = [
    "before-document",
    "sleeping-latest",
    "default-pin",
    "numbered-pin",
    "shared-template-latest",
    "running-behind-load-balancer",
];

/// A rival's action on a group, with its name.
type RivalAction = (&'static str, fn(&World, String) -> Action);

const ACTIONS: [RivalAction; 20] = [
    ("creates a version", |w, g| {
        let image = image_of(w, &g);
        Action::NewTemplateVersion(g, image, "theirs".into())
    }),
    ("points the group at version 1", |_, g| {
        Action::PointAtVersion(g, "1".into())
    }),
    ("makes version 1 the default", |_, g| {
        Action::SetDefaultVersion(g, 1)
    }),
    ("sets 0-0-0", |_, g| {
        Action::SetCapacity(g, Some(0), Some(0), Some(0))
    }),
    ("sets 0-0-0 every 5 min", |_, g| {
        Action::SetCapacity(g, Some(0), Some(0), Some(0))
    }),
    ("sets 2-5-4", |_, g| {
        Action::SetCapacity(g, Some(2), Some(5), Some(4))
    }),
    ("sets desired 0", |_, g| {
        Action::SetCapacity(g, Some(0), None, Some(0))
    }),
    ("resumes AZRebalance", |_, g| {
        Action::ResumeProcess(g, "AZRebalance".into())
    }),
    ("resumes ScheduledActions", |_, g| {
        Action::ResumeProcess(g, "ScheduledActions".into())
    }),
    ("suspends AZRebalance", |_, g| {
        Action::SuspendProcess(g, "AZRebalance".into())
    }),
    ("suspends Launch", |_, g| {
        Action::SuspendProcess(g, "Launch".into())
    }),
    ("suspends Terminate", |_, g| {
        Action::SuspendProcess(g, "Terminate".into())
    }),
    ("terminates the build instance", |_, g| {
        Action::TerminateInstances(g, Some("build".into()))
    }),
    ("terminates the canary", |_, g| {
        Action::TerminateInstances(g, Some("canary".into()))
    }),
    ("deletes the group", |_, g| Action::DeleteGroup(g)),
    ("deregisters our image", |_, _| {
        Action::DeregisterImages("asg-patch/".into())
    }),
    ("starts an instance refresh", |_, g| {
        Action::StartInstanceRefresh(g, false)
    }),
    ("starts a refresh with a configuration", |_, g| {
        Action::StartInstanceRefresh(g, true)
    }),
    ("deletes the records", |_, _| {
        Action::DeleteParameters("/asg-patch/".into())
    }),
    ("removes the opt-in tag", |_, g| {
        Action::RemoveTag(g, "ep:asg:patch".into())
    }),
];

/// The image that a group's instances have or would have, by the first image of the world.
fn image_of(world: &World, group: &str) -> String {
    let images = world.images.values();
    let mut named = images.filter(|i| i.name.starts_with(group));
    let image = named.next().or_else(|| world.images.values().next());
    image.map(|i| i.id.clone()).unwrap_or_default()
}

struct Story {
    name: &'static str,
    scenario: Scenario,
    /// The group that the rival meddles with, and the middle of its phases, but for those that pass at
    /// once: what someone does between a look and the change that follows it cannot be seen by anyone.
    group: String,
    moments: Vec<(String, DateTime<Utc>)>,
}

impl Story {
    fn of(name: &'static str) -> Self {
        let scenario = Scenario::load(name);
        let report = scenario.run().report;
        let group = &report.groups[0];
        let ends = group.phases.iter().skip(1).map(|p| p.entered_at);
        let ends = ends.chain([report.finished_at]);
        let phases = group.phases.iter().zip(ends);
        let mut moments: Vec<(String, DateTime<Utc>)> = phases
            .filter(|(p, end)| *end - p.entered_at > TimeDelta::seconds(2))
            // Off the middle, where a look and the call that follows from it may fall: AWS has no condition on a call,
            // so what another does within the tenths of a second between them cannot be respected.
            .map(|(p, end)| {
                (
                    p.phase.to_string(),
                    p.entered_at + (end - p.entered_at) * 2 / 5,
                )
            })
            .collect();
        moments.push(("after".into(), report.finished_at + TimeDelta::seconds(30)));
        Self {
            name,
            group: String::from(&group.group),
            moments,
            scenario,
        }
    }
}

/// One action at one moment.
struct Try<'a> {
    story: &'a Story,
    action: RivalAction,
    phase: &'a str,
    at: DateTime<Utc>,
}

/// By scenario and action: endings, each with the phases that lead to it.
type Table<'a> = BTreeMap<(&'a str, &'a str), Vec<(String, Vec<&'a str>)>>;

/// How it ended.
struct Ended {
    code: String,
    problems: Vec<String>,
}

impl Try<'_> {
    fn name(&self) -> String {
        format!("{}: {} in {}", self.story.name, self.action.0, self.phase)
    }

    fn run(&self) -> Ended {
        let scenario = &self.story.scenario;
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            account.with_world(|w| {
                let action = (self.action.1)(w, self.story.group.clone());
                let every = self
                    .action
                    .0
                    .contains("every")
                    .then(|| TimeDelta::minutes(5));
                plan_every(w, Trigger::At(self.at), action, every);
            });
            let untouched = account.freeze();
            let ran = match scenario.run_on(&account).await {
                Ok(ran) => ran,
                Err(e) => {
                    return Ended {
                        code: "no report".into(),
                        problems: vec![e.to_string()],
                    };
                }
            };
            self.print(&ran);
            let mut problems = invariants::breaches(&ran);
            let end = end::problems(&account, &untouched).await;
            problems.extend(end.into_iter().filter(|p| !self.is_meant(p, &ran.report)));
            let report = &ran.report;
            problems.extend(left_open(report));
            Ended {
                code: endings(report),
                problems,
            }
        })
    }

    /// Where the world with the rival alone is no measure, because the action met something of ours.
    fn is_meant(&self, problem: &str, report: &RunReport) -> bool {
        // What both suspended is taken for ours.
        let both_suspended =
            self.action.0 == "suspends AZRebalance" && problem.contains("suspended");
        // The group was held there: both named it.
        let both_pointed = self.story.name == "shared-template-latest"
            && self.action.0 == "points the group at version 1"
            && problem.contains("pin styles");
        // A version that was proven belongs to the template's owner, also when the group leaves it.
        let proven = report.groups.iter().any(invariants::was_proved);
        let afterwards = ["restoring", "after"].contains(&self.phase);
        let removed = self.action.0 == "deregisters our image" && afterwards;
        both_suspended
            || (removed && problem.contains("launches from"))
            || both_pointed
            || (proven && problem.starts_with("left over: version"))
    }

    fn print(&self, ran: &Ran) {
        if std::env::var_os("RIVALS_ONLY").is_some() {
            for c in ran.changes() {
                println!("{} {} {} {:?}", c.at, c.name, c.params, c.ending);
            }
            println!("{}\n{:#?}", self.name(), ran.report);
        }
    }
}

fn left_open(report: &RunReport) -> Vec<String> {
    let open = report.left_open();
    open.map(|g| format!("{} is left open: {}", g.group, g.reason))
        .collect()
}

fn endings(report: &RunReport) -> String {
    let one = |g: &GroupReport| match g.code {
        Some(code) => format!("{} {code}", g.outcome),
        None => g.outcome.to_string(),
    };
    let all: Vec<String> = report.groups.iter().map(one).collect();
    all.join(", ")
}

#[test]
fn what_others_do_stands_and_ends_with_a_code_of_its_own() {
    let only = std::env::var("RIVALS_ONLY").unwrap_or_default();
    let stories = on_all_cores(SCENARIOS.to_vec(), Story::of);
    let mut tries = Vec::new();
    for story in &stories {
        for action in ACTIONS {
            for (phase, at) in &story.moments {
                let at = *at;
                tries.push(Try {
                    story,
                    action,
                    phase,
                    at,
                });
            }
        }
    }
    tries.retain(|t| t.name().contains(&only));
    let count = tries.len();
    let results = on_all_cores(tries, |one| (one.run(), one));
    println!("{count} actions of others in {} scenarios", stories.len());
    let mut table = Table::new();
    let mut wrong = Vec::new();
    for (ended, one) in &results {
        if !ended.problems.is_empty() {
            wrong.push(format!(
                "{}: {}: {}",
                one.name(),
                ended.code,
                ended.problems.join("; ")
            ));
        }
        let row = table.entry((one.story.name, one.action.0)).or_default();
        match row.last_mut() {
            Some((code, phases)) if *code == ended.code => phases.push(one.phase),
            _ => row.push((ended.code.clone(), vec![one.phase])),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} end badly; the first:\n{}",
        wrong.len(),
        wrong
            .iter()
            .take(60)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    if only.is_empty() {
        expect_file!["../rivals.expected"].assert_eq(&text(&table));
    }
}

fn text(table: &Table<'_>) -> String {
    let mut text = String::from(
        "# What someone else does, in which phase of the run, and how the groups end.\n",
    );
    let mut last = "";
    for ((scenario, action), row) in table {
        if *scenario != last {
            let _ = writeln!(text, "\n{scenario}");
            last = scenario;
        }
        let _ = writeln!(text, "  someone {action}");
        for (code, phases) in row {
            let span = match phases.as_slice() {
                [one] => (*one).to_owned(),
                [first, .., last] => format!("{first} to {last}"),
                [] => String::new(),
            };
            let _ = writeln!(text, "    {span}: {code}");
        }
    }
    text
}
