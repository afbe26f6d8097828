//! The message about a prune.

use serde_json::{Value, json};

use super::message::{Message, MessageKind};
use super::news::{News, REASON_LIMIT};
use super::stored_at::StoredAt;
use crate::ids::RunId;
use crate::report::{PruneAction, PruneEntry, PruneReport, fit};
use crate::text::{plain_text, shortened};

/// Images that a list of an e-mail has.
const LISTED_LIMIT: usize = 40;
/// Enough for programs that look for their own; five copies of the document go into each message.
const DOCUMENT_LIMIT: usize = 100;
/// Sentences about what could not be read.
const UNREAD_LIMIT: usize = 5;

/// A prune has ended, or shows what it would do.
pub fn pruned(
    run_id: &RunId,
    report: &PruneReport,
    reason: Option<&str>,
    stored_at: Option<&StoredAt>,
    link: Option<&str>,
) -> Message {
    let region = report.region.as_str();
    let what = match report.applied {
        true => "prune",
        false => "plan of a prune",
    };
    let line = format!("asg-patch {what} {region}: {}", report.tally());
    let mut lines = vec![format!("asg-patch {what} in {region}: {}.", report.tally())];
    lines.extend(reason.map(|r| format!("Reason: {}", shortened(&plain_text(r), REASON_LIMIT))));
    for action in [PruneAction::Remove, PruneAction::Deprecate] {
        let title = action.word(report.applied).to_uppercase();
        section(&mut lines, &title, report.of(action));
    }
    section(&mut lines, "FAILED", report.failed());
    section(&mut lines, "NOT DONE YET", report.untried());
    lines.extend(about_unread(report));
    lines.push(String::new());
    let next_steps = next_steps(report);
    lines.extend(next_steps.iter().cloned());
    lines.extend(stored_at.into_iter().flat_map(StoredAt::lines));
    let news = News {
        kind: MessageKind::Pruned,
        run_id,
        region,
        line,
        lines,
        document: document(run_id, report, reason, stored_at, link),
        next_steps,
    };
    news.message(link)
}

fn section<'a>(lines: &mut Vec<String>, title: &str, of: impl Iterator<Item = &'a PruneEntry>) {
    let entries: Vec<&PruneEntry> = of.collect();
    if entries.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(title.to_owned());
    let (shown, left_out) = fit::first(&entries, LISTED_LIMIT);
    lines.extend(shown.iter().map(|entry| {
        let problem = entry.problem.as_deref().map(plain_text);
        let problem = problem.map(|p| format!(": {}", shortened(&p, REASON_LIMIT)));
        format!(
            "  * {} {} ({} GiB){}",
            entry.id(),
            plain_text(&entry.name),
            entry.gib,
            problem.unwrap_or_default()
        )
    }));
    if left_out > 0 {
        lines.push(format!("  and {left_out} more"));
    }
}

/// Everything that could not be read: it may use anything.
fn about_unread(report: &PruneReport) -> Vec<String> {
    let unread: Vec<&str> = report.unread().into_iter().collect();
    if unread.is_empty() {
        return Vec::new();
    }
    let (shown, left_out) = fit::first(&unread, UNREAD_LIMIT);
    let mut lines = vec![
        String::new(),
        "NOT READ - what cannot be read counts as in use, so everything that it may use is kept"
            .into(),
    ];
    lines.extend(shown.iter().map(|text| {
        let text = shortened(&plain_text(text), REASON_LIMIT);
        format!("  * {text}")
    }));
    if left_out > 0 {
        lines.push(format!("  and {left_out} more"));
    }
    lines.push(
        "If a launch template takes its image from an SSM parameter (resolve:ssm): the stack's role reads no parameters \
         but its own, so the stack removes nothing while that is so. Run `asg-patch prune` with credentials that may \
         read the parameter."
            .into(),
    );
    lines
}

fn next_steps(report: &PruneReport) -> Vec<String> {
    let count = |action| report.of(action).count();
    let goes = count(PruneAction::Remove) + count(PruneAction::Deprecate);
    let mut steps = Vec::new();
    if !report.applied && goes > 0 {
        steps.push(
            "Nothing was changed. To do it: start an execution with {\"mode\":\"prune\",\"apply\":true}".to_owned(),
        );
    }
    if report.applied && count(PruneAction::Deprecate) > 0 {
        steps.push(
            "What is deprecated goes with a prune after that time. To keep such an image: aws ec2 \
             disable-image-deprecation --image-id ID, and use it or tag it asg-patch:keep-until with a time."
                .to_owned(),
        );
    }
    if report.out_of_time {
        let left = report.untried().count();
        steps.push(format!(
            "The time of one invocation was over with {left} left: the next prune goes on."
        ));
    }
    steps
}

fn document(
    run_id: &RunId,
    report: &PruneReport,
    reason: Option<&str>,
    stored_at: Option<&StoredAt>,
    link: Option<&str>,
) -> Value {
    let kept = |e: &&PruneEntry| matches!(e.action, PruneAction::Keep | PruneAction::Wait);
    let entries: Vec<&PruneEntry> = report.entries.iter().filter(|e| !kept(e)).collect();
    let (shown, left_out) = fit::first(&entries, DOCUMENT_LIMIT);
    let entry = |e: &&PruneEntry| {
        json!({
            "image": e.image,
            "name": e.name,
            "action": e.action,
            "done": e.done,
            "problem": e.problem.as_deref().map(|p| shortened(p, REASON_LIMIT)),
        })
    };
    let mut document = json!({
        "event": MessageKind::Pruned,
        "run_id": run_id,
        "region": report.region,
        "applied": report.applied,
        "counts": report.counts(),
        "entries": shown.iter().map(entry).collect::<Vec<Value>>(),
        "entries_left_out": left_out,
        "reason": reason,
        "execution": link,
    });
    if let Some(stored_at) = stored_at {
        document["report"] = json!(stored_at);
    }
    document
}
