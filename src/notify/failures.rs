//! The message on the way that groups have failed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::{Message, MessageKind};
use super::news::{News, REASON_LIMIT};
use crate::group::{Code, Outcome};
use crate::ids::RunId;
use crate::report::{GroupReport, RunKind, fit, more_about};
use crate::text::{counted, plain_text, shortened};

/// Groups that a message describes; the report at the end has all.
const TOLD_LIMIT: usize = 20;

/// Groups of a run have failed since the last message; the run goes on. One message for all of them: a fault that they share
/// must not fill a mailbox. None if there are none.
pub fn groups_failed(
    run_id: &RunId,
    region: &str,
    kind: RunKind,
    groups: &[GroupReport],
    pages_url: Option<&str>,
    link: Option<&str>,
) -> Option<Message> {
    let first = groups.first()?;
    let event = match groups.iter().any(|g| g.left_open) {
        true => MessageKind::LeftOpen,
        false => MessageKind::GroupFailed,
    };
    let (told, left_out) = fit::first(groups, TOLD_LIMIT);
    let mut lines = Vec::new();
    for group in told {
        lines.push(format!("{} {}.", plain_text(&group.group), end(group)));
        lines.push(String::new());
        lines.extend(why(group));
        lines.push(String::new());
    }
    if left_out > 0 {
        lines.push(format!(
            "{} more: see the report at the end.",
            counted(left_out, "group")
        ));
        lines.push(String::new());
    }
    let codes = codes(groups);
    for code in codes.keys() {
        lines.push(format!("What to do ({code}): {}", code.remedy()));
        lines.push(format!("More: {}", more_about(*code, pages_url)));
    }
    lines.push(String::new());
    lines.push(format!("Run {run_id} in {region}."));
    let line = match groups {
        [_] => format!(
            "{} {}{}",
            plain_text(&first.group),
            end(first),
            in_brackets(first.code)
        ),
        _ => summary(groups, &codes),
    };
    let news = News {
        kind: event,
        run_id,
        region,
        line: format!("asg-patch {region}: {line}"),
        lines,
        document: json!({
            "event": event, "run_id": run_id, "kind": kind, "region": region, "execution": link,
            "groups": told.iter().map(document).collect::<Vec<Value>>(),
            "groups_failed": groups.len(),
        }),
        next_steps: codes.keys().map(|c| c.remedy().to_owned()).collect(),
    };
    Some(news.message(link))
}

fn end(group: &GroupReport) -> &'static str {
    if group.left_open {
        "is NOT restored yet"
    } else if group.outcome == Outcome::RolledBack {
        "was not patched; it is as it was before"
    } else {
        "was not patched"
    }
}

fn reason(group: &GroupReport) -> String {
    shortened(&plain_text(&group.reason), REASON_LIMIT)
}

fn in_brackets(code: Option<Code>) -> String {
    code.map(|c| format!(" ({c})")).unwrap_or_default()
}

fn why(group: &GroupReport) -> Vec<String> {
    let mut lines = vec![format!("Why{}: {}", in_brackets(group.code), reason(group))];
    let notes = group.notes.iter();
    lines.extend(notes.map(|n| format!("Note: {}", plain_text(n))));
    lines
}

/// How many groups have failed with each code.
fn codes(groups: &[GroupReport]) -> BTreeMap<Code, usize> {
    let mut codes = BTreeMap::new();
    for code in groups.iter().filter_map(|g| g.code) {
        *codes.entry(code).or_default() += 1;
    }
    codes
}

/// `12 groups have failed, 1 of them is NOT restored yet (11 AP-0311, 1 AP-0601)`.
fn summary(groups: &[GroupReport], codes: &BTreeMap<Code, usize>) -> String {
    let open = match groups.iter().filter(|g| g.left_open).count() {
        0 => String::new(),
        1 => ", 1 of them is NOT restored yet".into(),
        n => format!(", {n} of them are NOT restored yet"),
    };
    let counts: Vec<String> = codes
        .iter()
        .map(|(code, n)| format!("{n} {code}"))
        .collect();
    let counts = counts.join(", ");
    format!(
        "{} have failed{open} ({counts})",
        counted(groups.len(), "group")
    )
}

fn document(group: &GroupReport) -> Value {
    json!({
        "group": group.group, "outcome": group.outcome, "code": group.code,
        "reason": reason(group), "left_open": group.left_open,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::report::sample;

    const LINK: Option<&str> = Some("https://eu-west-1.console.aws.amazon.com/states/home");

    fn failed(name: &str, code: Code) -> GroupReport {
        let reason = "the patch command ended as Failed\nyum: no space left";
        sample::group(name, Outcome::RolledBack, Some((code, reason)))
    }

    fn message(groups: &[GroupReport]) -> Message {
        groups_failed(
            &"run-1".into(),
            "eu-west-1",
            RunKind::Run,
            groups,
            None,
            LINK,
        )
        .expect("a message")
    }

    #[test]
    fn a_group_has_failed() {
        let mut group = failed("batch", Code::PatchFailed);
        let told = message(std::slice::from_ref(&group));
        expect![[r#"
            batch was not patched; it is as it was before.

            Why (AP-0311): the patch command ended as Failed yum: no space left

            What to do (AP-0311): read the command's output in Run Command; fix the package or the baseline, then run again
            More: asg-patch explain AP-0311

            Run run-1 in eu-west-1.
            Execution: https://eu-west-1.console.aws.amazon.com/states/home
        "#]].assert_eq(&told.email);
        expect!["asg-patch eu-west-1: batch was not patched; it is as it was before (AP-0311)"]
            .assert_eq(&told.sms);
        group.left_open = true;
        let told = message(&[group]);
        expect!["asg-patch eu-west-1: batch is NOT restored yet (AP-0311)"]
            .assert_eq(&told.subject);
        expect![[r#"{"event":"left_open","run_id":"run-1","kind":"run","region":"eu-west-1","execution":"https://eu-west-1.console.aws.amazon.com/states/home","groups":[{"group":"batch","outcome":"rolled_back","code":"AP-0311","reason":"the patch command ended as Failed yum: no space left","left_open":true}],"groups_failed":1}"#]].assert_eq(&told.queue_json);
    }

    /// A fault that they share: what to do is said once, and the groups' names do not crowd it out.
    #[test]
    fn many_groups_have_failed_at_once() {
        let mut groups = vec![
            failed("web", Code::PatchFailed),
            failed("db", Code::PatchFailed),
        ];
        groups.push(failed("shop", Code::Vanished));
        groups[2].left_open = true;
        let told = message(&groups);
        expect![[r#"
            web was not patched; it is as it was before.

            Why (AP-0311): the patch command ended as Failed yum: no space left

            db was not patched; it is as it was before.

            Why (AP-0311): the patch command ended as Failed yum: no space left

            shop is NOT restored yet.

            Why (AP-0501): the patch command ended as Failed yum: no space left

            What to do (AP-0311): read the command's output in Run Command; fix the package or the baseline, then run again
            More: asg-patch explain AP-0311
            What to do (AP-0501): nothing to do if the deletion is intended
            More: asg-patch explain AP-0501

            Run run-1 in eu-west-1.
            Execution: https://eu-west-1.console.aws.amazon.com/states/home
        "#]].assert_eq(&told.email);
        expect!["asg-patch eu-west-1: 3 groups have failed, 1 of them is NOT restored yet (2 AP-0311, 1 AP-0501)"].assert_eq(&told.subject);
        let many: Vec<GroupReport> = (0..300)
            .map(|n| failed(&format!("g{n:03}"), Code::PatchFailed))
            .collect();
        let told = message(&many);
        assert!(told.email.contains("280 groups more"), "{}", told.email);
        assert_eq!(told.email.matches("What to do").count(), 1);
        assert_eq!(
            groups_failed(&"r".into(), "x", RunKind::Run, &[], None, None),
            None
        );
    }
}
