//! A run of a scenario with one fault.

use asg_patch::group::{Code, Outcome};
use asg_patch::report::{GroupReport, RunReport};
use asg_patch::run::RunError;
use asg_patch::sim::calls::Ending;
use asg_patch::sim::{Account, Frozen};

use super::kinds::{Kind, Length, Moment};
use super::{Story, outcomes};
use crate::common::{drive, end, in_virtual_time};

/// Only the removal of our image and version needs these: a group does not wait for it.
const REMOVAL: [&str; 6] = [
    "ec2:DescribeImages",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:ModifyLaunchTemplate",
    "ec2:DeregisterImage",
];

/// One combination.
#[derive(Clone)]
pub(super) struct Try<'a> {
    pub(super) story: &'a Story,
    pub(super) moment: &'a Moment,
    pub(super) kind: Kind,
    pub(super) length: Length,
}

impl Try<'_> {
    pub(super) fn name(&self) -> String {
        format!(
            "{}: {} in {} {:?} {:?}",
            self.story.name, self.moment.operation, self.moment.phase, self.kind, self.length
        )
    }

    /// The problems at its end.
    pub(super) fn problems(&self) -> Vec<String> {
        let scenario = &self.story.scenario;
        in_virtual_time(scenario.fleet.seed(), async {
            let account = scenario.fleet.account(1);
            let untouched = account.freeze();
            account.with_faults(|f| f.add(self.moment.rule(self.kind, self.length)));
            let result = drive(&account, &scenario.request, None).await;
            account.with_faults(asg_patch::sim::faults::Faults::clear);
            if std::env::var_os("FAULTS_ONLY").is_some() {
                for c in account.calls().changes() {
                    println!("{} {} {} {:?}", c.at, c.name, c.params, c.ending);
                }
                println!("{}\n{:#?}", self.name(), result.as_ref().map(|r| &r.0));
            }
            match result {
                Ok((report, _)) => self.ended(&account, &untouched, &report).await,
                Err(error) => self.refused(&account, &untouched, &error).await,
            }
        })
    }

    /// A run that could not be made: only before anything was touched, and it says why.
    async fn refused(
        &self,
        account: &Account,
        untouched: &Frozen,
        error: &RunError,
    ) -> Vec<String> {
        let mut problems = end::problems(account, untouched).await;
        let effects = account.calls();
        if let Some(effect) = effects.changes().find(|c| c.ending == Ending::Ok) {
            problems.push(format!("refused after {}", effect.name));
        }
        let (wanted, code) = (
            &self.moment.operation,
            self.kind.answer(&self.moment.operation).1,
        );
        match error {
            RunError::Aws {
                operation, code: c, ..
            } if operation == wanted && c == code => {}
            other => problems.push(format!("expected {wanted} and {code}, found: {other}")),
        }
        if self.length != Length::ForGood && self.kind != Kind::Denied {
            problems.push(format!("a passing fault ended the run: {error}"));
        }
        problems
    }

    async fn ended(
        &self,
        account: &Account,
        untouched: &Frozen,
        report: &RunReport,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let open = end::open_groups(account);
        for group in &report.groups {
            if group.left_open != open.contains(&group.group) {
                problems.push(format!(
                    "left_open {} of {}, records of {open:?}",
                    group.left_open, group.group
                ));
            }
        }
        let ended = outcomes(report);
        if self.length != Length::ForGood {
            if ended != self.story.calm || !open.is_empty() {
                let reasons: Vec<&str> = report.groups.iter().map(|g| g.reason.as_str()).collect();
                problems.push(format!("{ended:?}, open {open:?}: {}", reasons.join("; ")));
            }
        } else {
            problems.extend(self.names_the_fault(report));
            if !open.is_empty() {
                problems.extend(self.restored(account, untouched).await);
                let restored = crate::common::restore_all(account).await;
                if restored.left_open().count() > 0 {
                    problems.push(format!("not restored: {:?}", outcomes(&restored)));
                }
            }
        }
        problems.extend(end::problems(account, untouched).await);
        problems
    }

    /// A leftover of ours that cannot be removed does not keep a group from its owner.
    async fn restored(&self, account: &Account, untouched: &Frozen) -> Vec<String> {
        let is_for_removal = REMOVAL.contains(&self.moment.operation.as_str());
        if !is_for_removal {
            return Vec::new();
        }
        let problems = end::problems(account, untouched).await.into_iter();
        problems
            // At its old version by number, until what is ours is gone.
            .filter(|p| !p.starts_with("left over: ") && !p.contains(": versions: "))
            .map(|p| format!("not given back: {p}"))
            .collect()
    }

    /// A group that ends otherwise than without the fault names the operation and code, or waits for one
    /// that does. A group that its own schedule changed while the fault kept it queued says that.
    fn names_the_fault(&self, report: &RunReport) -> Vec<String> {
        let operation = &self.moment.operation;
        let code = self.kind.answer(operation).1;
        let names = |g: &GroupReport| g.reason.contains(operation) && g.reason.contains(code);
        let named = |g: &GroupReport| {
            let waits = g.reason.contains("to let go of the version");
            names(g)
                || waits && report.groups.iter().any(names)
                || g.code == Some(Code::ChangedSincePlan) && g.outcome == Outcome::Skipped
        };
        report
            .groups
            .iter()
            .zip(&self.story.calm)
            .filter(|(g, (_, calm))| g.outcome.to_string() != *calm && !named(g))
            .map(|(g, _)| format!("{} {} does not name it: {}", g.group, g.outcome, g.reason))
            .collect()
    }
}
