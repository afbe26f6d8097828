//! The message about a run: a subject, texts for people, JSON for queues.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::sns::to_sns_json;
use super::stored_at::StoredAt;
use crate::group::{Code, Outcome};
use crate::ids::RunId;
use crate::report::{self, GroupReport, PatchCounts, RunKind, RunReport, fit};
use crate::text::{plain_text, shortened};

/// SNS takes 256 KiB with all attributes and the subject; 4 KiB of it are left for those.
/// Source: SNS Publish, "Message".
const BODY_LIMIT_BYTES: usize = (256 - 4) * 1024;

/// SNS wants fewer than 100 characters. Source: SNS Publish, "Subject".
const SUBJECT_LIMIT: usize = 99;

/// A text message has 160 characters in its plain alphabet; more would be charged and sent in parts.
const SMS_LIMIT: usize = 160;

/// Enough for the tally and some thirty names of groups.
const SHORT_LIMIT: usize = 1_000;

/// Longer reasons are cut: five copies of the JSON go into each message.
const REASON_LIMIT: usize = 1_000;

/// More warnings than this are left to the whole report.
const WARNING_LIMIT: usize = 20;

/// The occasion of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A run begins.
    Begins,
    /// A run waits for an approval.
    AwaitsApproval,
    /// A group has failed.
    GroupFailed,
    /// Something is left to restore: the operator must see to it.
    LeftOpen,
    /// A run has ended.
    Ended,
    /// A run was refused.
    Refused,
    /// A prune has ended.
    Pruned,
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Begins => "begins",
            Self::AwaitsApproval => "awaits_approval",
            Self::GroupFailed => "group_failed",
            Self::LeftOpen => "left_open",
            Self::Ended => "ended",
            Self::Refused => "refused",
            Self::Pruned => "pruned",
        })
    }
}

/// A message about a run, for each kind of reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its occasion.
    pub kind: MessageKind,
    /// The run.
    pub run_id: RunId,
    /// Where.
    pub region: String,
    /// ASCII, begins with a letter, fewer than 100 characters, no control characters.
    pub subject: String,
    /// One line, for subscribers by any other protocol.
    pub default: String,
    /// The whole story for people.
    pub email: String,
    /// One line that fits into one text message.
    pub sms: String,
    /// The story for programs: one JSON document.
    pub queue_json: String,
    /// The reader's next steps, the most urgent first.
    pub next_steps: Vec<String>,
}

impl Message {
    /// For SNS filter policies: `event`, `run_id` and `region`.
    pub fn attributes(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("event", self.kind.to_string()),
            ("run_id", String::from(&self.run_id)),
            ("region", self.region.clone()),
        ])
    }
}

/// The message about a run that has ended, with a link to its execution. Its SNS body stays below SNS's limit:
/// lists are shortened, the groups that need a hand stay in longest, and the texts say how many were left out.
pub fn message(report: &RunReport, link: Option<&str>) -> Message {
    stored_message(report, link, None)
}

/// The same, with the place where the report will be stored.
pub fn stored_message(
    report: &RunReport,
    link: Option<&str>,
    stored_at: Option<&StoredAt>,
) -> Message {
    let with_groups = |most| with_groups(report, link, stored_at, most);
    let fits = |most| to_sns_json(&with_groups(most)).len() <= BODY_LIMIT_BYTES;
    with_groups(fit::most(report.groups.len(), fits))
}

fn with_groups(
    report: &RunReport,
    link: Option<&str>,
    stored_at: Option<&StoredAt>,
    most: usize,
) -> Message {
    let line = report::short_text(report, SHORT_LIMIT);
    let mut email = report::email_text(report, most);
    if let Some(link) = link {
        email.push_str(&format!("\nExecution: {link}\n"));
    }
    for line in stored_at.into_iter().flat_map(StoredAt::lines) {
        email.push_str(&format!("{line}\n"));
    }
    let kind = match report.left_open().next() {
        Some(_) => MessageKind::LeftOpen,
        None => MessageKind::Ended,
    };
    Message {
        kind,
        run_id: report.run_id.clone(),
        region: report.region.clone(),
        subject: subject(&format!(
            "asg-patch {}: {}",
            report.region,
            report::tally(report)
        )),
        sms: sms(&line),
        default: line,
        email,
        queue_json: queue_json(report, kind, (link, stored_at), most),
        next_steps: next_steps(report),
    }
}

/// Next steps for the groups that need a hand, each once.
fn next_steps(report: &RunReport) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for group in report::by_urgency(report) {
        let Some(code) = group.code else {
            continue;
        };
        let needs_hand =
            group.left_open || matches!(group.outcome, Outcome::Failed | Outcome::RolledBack);
        let step = format!("{} ({code}): {}", plain_text(&group.group), code.remedy());
        if needs_hand && !steps.iter().any(|s| s.ends_with(code.remedy())) {
            steps.push(step);
        }
    }
    steps
}

/// A line as SNS takes it for a subject.
pub(super) fn subject(line: &str) -> String {
    shortened(&ascii(line), SUBJECT_LIMIT)
}

/// A line as it fits into one text message.
pub(super) fn sms(line: &str) -> String {
    shortened(&ascii(line), SMS_LIMIT)
}

fn ascii(text: &str) -> String {
    plain_text(text)
        .chars()
        .map(|c| if c.is_ascii() { c } else { '?' })
        .collect()
}

/// The run as queues get it: the words of the `--json` report, without its long lists.
#[derive(Serialize)]
struct QueueRun<'a> {
    event: MessageKind,
    run_id: &'a str,
    kind: RunKind,
    region: &'a str,
    started_at: chrono::DateTime<chrono::Utc>,
    finished_at: chrono::DateTime<chrono::Utc>,
    counts: serde_json::Map<String, serde_json::Value>,
    left_open: Vec<&'a str>,
    groups: Vec<QueueGroup<'a>>,
    groups_left_out: usize,
    warnings: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a StoredAt>,
}

#[derive(Serialize)]
struct QueueGroup<'a> {
    group: &'a str,
    outcome: Outcome,
    code: Option<Code>,
    reason: String,
    left_open: bool,
    image_before: Option<&'a str>,
    image_after: Option<&'a str>,
    version_before: Option<&'a str>,
    version_after: Option<&'a str>,
    patches: PatchCounts,
}

fn queue_json(
    report: &RunReport,
    event: MessageKind,
    (link, stored_at): (Option<&str>, Option<&StoredAt>),
    most: usize,
) -> String {
    let all = report::by_urgency(report);
    let (shown, groups_left_out) = fit::first(&all, most);
    let (warnings, _) = fit::first(&report.warnings, WARNING_LIMIT);
    let counts = [
        Outcome::Patched,
        Outcome::AlreadyCurrent,
        Outcome::Skipped,
        Outcome::Scanned,
        Outcome::RolledBack,
        Outcome::Failed,
    ]
    .map(|o| (o.to_string(), report.count(o).into()));
    let run = QueueRun {
        event,
        execution: link,
        report: stored_at,
        run_id: &report.run_id,
        kind: report.kind,
        region: &report.region,
        started_at: report.started_at,
        finished_at: report.finished_at,
        counts: counts.into_iter().collect(),
        left_open: shown
            .iter()
            .filter(|g| g.left_open)
            .map(|g| g.group.as_str())
            .collect(),
        groups: shown.iter().map(|g| queue_group(g)).collect(),
        groups_left_out,
        warnings: warnings.iter().map(String::as_str).collect(),
    };
    // The types above have no keys that are not strings, the only way in which this can fail.
    serde_json::to_string(&run).unwrap_or_default()
}

fn queue_group(group: &GroupReport) -> QueueGroup<'_> {
    QueueGroup {
        group: &group.group,
        outcome: group.outcome,
        code: group.code,
        reason: shortened(&group.reason, REASON_LIMIT),
        left_open: group.left_open,
        image_before: group.image_before.as_deref(),
        image_after: group.image_after.as_deref(),
        version_before: group.version_before.as_deref(),
        version_after: group.version_after.as_deref(),
        patches: group.patches,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::Value;

    use super::super::to_sns_json;
    use super::message;
    use crate::group::Outcome;
    use crate::report::sample;

    #[test]
    fn a_run_for_each_reader() {
        let message = message(&sample::run(), None);
        expect!["asg-patch eu-west-1: 5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patche ..."].assert_eq(&message.subject);
        expect!["asg-patch run eu-west-1: 5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current. Look at: stuck (AP-0601), batch (AP ..."].assert_eq(&message.sms);
        let json: Value = serde_json::from_str(&message.queue_json).unwrap();
        expect![[r#"
            {
              "event": "left_open",
              "run_id": "cli-20261014T040000Z-ab12",
              "kind": "run",
              "region": "eu-west-1",
              "started_at": "2026-10-14T04:00:00Z",
              "finished_at": "2026-10-14T05:12:00Z",
              "counts": {
                "patched": 1,
                "already_current": 1,
                "skipped": 1,
                "scanned": 0,
                "rolled_back": 1,
                "failed": 1
              },
              "left_open": [
                "stuck"
              ],
              "groups": [
                {
                  "group": "stuck",
                  "outcome": "failed",
                  "code": "AP-0601",
                  "reason": "UpdateAutoScalingGroup answered AccessDenied",
                  "left_open": true,
                  "image_before": "ami-0a1b2c3d4e5f60718",
                  "image_after": "ami-0a1b2c3d4e5f60718",
                  "version_before": "$Latest (3)",
                  "version_after": "$Latest (3)",
                  "patches": {
                    "installed": 0,
                    "missing": 0,
                    "failed": 0,
                    "pending_reboot": 0
                  }
                },
                {
                  "group": "batch",
                  "outcome": "rolled_back",
                  "code": "AP-0311",
                  "reason": "the patch command ended as Failed with exit code 4\nyum: no space left on device",
                  "left_open": false,
                  "image_before": "ami-0a1b2c3d4e5f60718",
                  "image_after": "ami-0a1b2c3d4e5f60718",
                  "version_before": "$Latest (3)",
                  "version_after": "$Latest (3)",
                  "patches": {
                    "installed": 0,
                    "missing": 0,
                    "failed": 0,
                    "pending_reboot": 0
                  }
                },
                {
                  "group": "legacy",
                  "outcome": "skipped",
                  "code": "AP-0101",
                  "reason": "the group uses the launch configuration legacy-2019",
                  "left_open": false,
                  "image_before": "ami-0a1b2c3d4e5f60718",
                  "image_after": "ami-0a1b2c3d4e5f60718",
                  "version_before": "$Latest (3)",
                  "version_after": "$Latest (3)",
                  "patches": {
                    "installed": 0,
                    "missing": 0,
                    "failed": 0,
                    "pending_reboot": 0
                  }
                },
                {
                  "group": "web-nightly-frankfurt",
                  "outcome": "patched",
                  "code": null,
                  "reason": "the canary came up from the new version and its scan is clean",
                  "left_open": false,
                  "image_before": "ami-0a1b2c3d4e5f60718",
                  "image_after": "ami-0f9e8d7c6b5a40312",
                  "version_before": "$Latest (3)",
                  "version_after": "$Latest (4)",
                  "patches": {
                    "installed": 12,
                    "missing": 0,
                    "failed": 0,
                    "pending_reboot": 0
                  }
                },
                {
                  "group": "api-current",
                  "outcome": "already_current",
                  "code": null,
                  "reason": "its image has nothing to patch",
                  "left_open": false,
                  "image_before": "ami-0a1b2c3d4e5f60718",
                  "image_after": "ami-0a1b2c3d4e5f60718",
                  "version_before": "$Latest (3)",
                  "version_after": "$Latest (3)",
                  "patches": {
                    "installed": 0,
                    "missing": 0,
                    "failed": 0,
                    "pending_reboot": 0
                  }
                }
              ],
              "groups_left_out": 0,
              "warnings": [
                "two groups share the template web"
              ]
            }"#]].assert_eq(&serde_json::to_string_pretty(&json).unwrap());
    }

    #[test]
    fn subjects_are_what_sns_takes() {
        let mut run = sample::run();
        run.region = format!("eu\u{7}-\n{}", "ü".repeat(200));
        let subject = message(&run, None).subject;
        assert!(subject.len() < 100, "{subject}");
        assert!(subject.starts_with(|c: char| c.is_ascii_alphabetic()));
        assert!(
            subject.chars().all(|c| c.is_ascii() && !c.is_control()),
            "{subject}"
        );
    }

    #[test]
    fn a_huge_run_fits_and_says_what_it_leaves_out() {
        let mut run = sample::run();
        run.groups
            .extend((0..500).map(|i| sample::patched(&format!("group-{i:03}"))));
        let message = message(&run, None);
        let body = to_sns_json(&message);
        assert!(body.len() <= 252 * 1024, "{}", body.len());
        let json: Value = serde_json::from_str(&message.queue_json).unwrap();
        let listed = json["groups"].as_array().unwrap();
        let left_out = json["groups_left_out"].as_u64().unwrap() as usize;
        assert_eq!(listed.len() + left_out, run.groups.len());
        assert!(listed.len() > 50, "{}", listed.len());
        assert_eq!(listed[0]["group"], "stuck");
        assert_eq!(json["counts"][Outcome::Patched.to_string()], 501);
        let note = format!("{left_out} more groups left out");
        assert!(message.email.contains(&note), "{}", message.email);
    }
}
