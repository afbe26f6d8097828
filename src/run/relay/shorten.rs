//! Reports on their way to the end of a run: they lose what their readers miss least where they would be too long. Pure.

use super::super::summary;
use super::packed::Packed;
use crate::report::{GroupReport, PatchEvidence, fit};
use crate::text::shortened;

/// Characters of a reason in a result that is too long otherwise.
const REASON_LIMIT: usize = 200;

/// How reports are cut, one step after the other, until they fit. Outcomes, codes and places stay in any case: failures are
/// counted by them, and channels hear of them.
const STEPS: [fn(&mut Vec<GroupReport>); 10] = [
    |all| {
        let evidence = all.iter_mut().filter_map(|r| r.evidence.as_mut());
        evidence.for_each(|e| e.patches.forget_cves());
    },
    |all| {
        let evidence = all.iter_mut().filter_map(|r| r.evidence.as_mut());
        evidence.for_each(PatchEvidence::forget_patches);
    },
    |all| all.iter_mut().for_each(|r| r.console = None),
    |all| {
        all.iter_mut().for_each(|r| {
            r.installed.clear();
            r.missing.clear();
        });
    },
    |all| all.iter_mut().for_each(|r| r.phases.clear()),
    |all| {
        for report in all {
            report.notes.truncate(1);
            report.reason = shortened(&report.reason, REASON_LIMIT);
        }
    },
    |all| all.iter_mut().for_each(|r| *r = summary::brief(r)),
    |all| all.iter_mut().for_each(|r| r.image_after = None),
    |all| {
        for report in all {
            (report.altered_seconds, report.instance_seconds) = (0, 0);
        }
    },
    |all| all.iter_mut().for_each(|r| r.reason.clear()),
];
/// From this step on, the sums of a report are not whole, either.
const OF_SUMS: usize = 9;

/// Cuts the reports of a batch to this many bytes, without the groups' names if these travel beside them. The log has them
/// whole. Answers what the reader of the whole report must know about it.
pub(super) fn shorten_result(
    reports: &mut Vec<GroupReport>,
    most_bytes: usize,
    is_named: bool,
) -> Option<String> {
    let whole = reports.clone();
    if !is_named {
        reports.iter_mut().for_each(|r| r.group = "".into());
    }
    let taken = shorten(reports, most_bytes);
    for (report, whole) in reports.iter_mut().zip(&whole) {
        report.group = whole.group.clone();
        if taken > 0 {
            tracing::info!(report = serde_json::to_string(whole).ok(), "whole report");
        }
    }
    let lacks = "the run has too many groups for all that is known of each: of some, how long it was altered and instances \
        were borrowed is in the log only, and not in the sums";
    let is_less = taken >= OF_SUMS && whole.iter().any(|r| r.instance_seconds > 0);
    is_less.then(|| lacks.to_owned())
}

/// Cuts reports to this many bytes, if that is possible. Answers the number of steps that it took.
pub(super) fn shorten(reports: &mut Vec<GroupReport>, most_bytes: usize) -> usize {
    fit::give_up(reports, &STEPS, |r| Packed::bytes(r) <= most_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Outcome;
    use crate::report::sample;

    #[test]
    fn a_result_keeps_its_outcomes_and_leaves_out_what_is_missed_least() {
        let report = |n: usize| {
            let mut report = sample::patched(&format!("payment-settlement-worker-{n:03}"));
            let package = |p| format!("package-{}.x86_64:0:{n}.{p}-1.amzn2023", n * p);
            report.installed = (0..100).map(package).collect();
            report
        };
        let whole: Vec<GroupReport> = (0..25).map(report).collect();
        let size = Packed::bytes(&whole);
        for (limit, installed, phases) in [
            (size, 100, true),
            (size - 1, 0, true),
            (Packed::bytes(&&whole[..1]) * 2, 0, true),
            (10, 0, false),
        ] {
            let mut reports = whole.clone();
            shorten(&mut reports, limit);
            assert_eq!(reports[0].installed.len(), installed, "{limit}");
            assert_eq!(!reports[0].phases.is_empty(), phases, "{limit}");
            assert_eq!(reports.len(), 25);
            assert_eq!(reports[0].outcome, Outcome::Patched);
        }
    }
}
