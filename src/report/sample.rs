//! Sample reports for the golden tests of all renderings.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{GroupReport, PatchCounts, PhaseReport, RunKind, RunReport};
use crate::group::{Code, Outcome, Phase};
use crate::schedule::Capacity;

/// A time after the start of the sample run.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    "2026-10-14T04:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(seconds)
}

/// A capacity.
pub(crate) fn capacity(min: i32, max: i32, desired: i32) -> Capacity {
    Capacity { min, max, desired }
}

/// A group that was not touched.
pub(crate) fn group(name: &str, outcome: Outcome, failure: Option<(Code, &str)>) -> GroupReport {
    let (code, reason) = match failure {
        Some((code, reason)) => (Some(code), reason),
        None => (None, "its image has nothing to patch"),
    };
    GroupReport {
        group: name.into(),
        outcome,
        code,
        reason: reason.into(),
        left_open: false,
        image_before: Some("ami-0a1b2c3d4e5f60718".into()),
        image_after: Some("ami-0a1b2c3d4e5f60718".into()),
        version_before: Some("$Latest (3)".into()),
        version_after: Some("$Latest (3)".into()),
        image_age_days: None,
        reverted_from: None,
        place: Default::default(),
        generation: Some(1),
        capacity_before: Some(capacity(0, 4, 0)),
        capacity_after: Some(capacity(0, 4, 0)),
        missing_before: None,
        patches: PatchCounts::default(),
        installed: Vec::new(),
        missing: Vec::new(),
        evidence: None,
        published: None,
        console: None,
        phases: phases(&[(Phase::Queued, 60)]),
        altered_seconds: 0,
        instance_seconds: 0,
        seconds_by_type: BTreeMap::new(),
        platform: None,
        image_gib: None,
        scheduled: Vec::new(),
        notes: Vec::new(),
    }
}

fn phases(lengths: &[(Phase, u64)]) -> Vec<PhaseReport> {
    let mut entered = 0;
    lengths
        .iter()
        .map(|&(phase, seconds)| {
            let report = PhaseReport {
                phase,
                entered_at: at(entered),
                seconds,
            };
            entered += seconds as i64;
            report
        })
        .collect()
}

/// A group that was patched.
pub(crate) fn patched(name: &str) -> GroupReport {
    GroupReport {
        reason: "the canary came up from the new version and its scan is clean".into(),
        image_after: Some("ami-0f9e8d7c6b5a40312".into()),
        version_after: Some("$Latest (4)".into()),
        generation: Some(1),
        missing_before: None,
        patches: PatchCounts {
            installed: 12,
            ..PatchCounts::default()
        },
        installed: vec!["kernel-6.1.112".into(), "openssl-3.0.8".into()],
        phases: phases(&[
            (Phase::Queued, 30),
            (Phase::Launching, 300),
            (Phase::Patching, 425),
        ]),
        altered_seconds: 66,
        instance_seconds: 700,
        ..group(name, Outcome::Patched, None)
    }
}

/// A run with every outcome.
pub(crate) fn run() -> RunReport {
    RunReport {
        run_id: "cli-20261014T040000Z-ab12".into(),
        kind: RunKind::Run,
        region: "eu-west-1".into(),
        account: None,
        asked_by: Some("ada".into()),
        why: None,
        window: None,
        pages_url: None,
        file_version: None,
        approved: None,
        cost: None,
        started_at: at(0),
        finished_at: at(4320),
        deadline: at(10800),
        groups: vec![
            GroupReport {
                notes: vec![
                    "the unknown option tag ep:asg:patch:wve was ignored: known are wave, image"
                        .into(),
                ],
                ..patched("web-nightly-frankfurt")
            },
            group("api-current", Outcome::AlreadyCurrent, None),
            group(
                "legacy",
                Outcome::Skipped,
                Some((
                    Code::LaunchConfiguration,
                    "the group uses the launch configuration legacy-2019",
                )),
            ),
            GroupReport {
                phases: phases(&[(Phase::Launching, 200), (Phase::Patching, 61)]),
                ..group(
                    "batch",
                    Outcome::RolledBack,
                    Some((
                        Code::PatchFailed,
                        "the patch command ended as Failed with exit code 4\nyum: no space left on device",
                    )),
                )
            },
            GroupReport {
                left_open: true,
                capacity_after: Some(capacity(1, 4, 1)),
                ..group(
                    "stuck",
                    Outcome::Failed,
                    Some((
                        Code::LeftOpen,
                        "UpdateAutoScalingGroup answered AccessDenied",
                    )),
                )
            },
        ],
        api_calls: [("autoscaling:DescribeAutoScalingGroups".to_owned(), 3)].into(),
        warnings: vec!["two groups share the template web".into()],
    }
}
