//! Messages on the way: a run begins, a run was refused.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::message::{Message, MessageKind, sms, subject};
use crate::group::Failure;
use crate::ids::{GroupName, RunId};
use crate::report::{GroupReport, fit, more_about};
use crate::request::{Operation, RunRequest};
use crate::text::{counted, plain_text, shortened};

/// Enough for names of groups in a message that is mostly read on a telephone.
const GROUPS_LIMIT: usize = 40;
/// Enough for programs that look for their own; five copies of the document go into each message.
const LISTED_LIMIT: usize = 150;
/// Longer reasons are cut.
pub(super) const REASON_LIMIT: usize = 1_000;

/// A run that is about to begin.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// The run.
    pub request: &'a RunRequest,
    /// Region.
    pub region: &'a str,
    /// Names of the groups that will be tried.
    pub groups: Vec<&'a GroupName>,
    /// Reports on the groups that will not be tried.
    pub refused: Vec<&'a GroupReport>,
    /// Why it was started, in the words of the person who did.
    pub reason: Option<&'a str>,
}

/// A run begins.
pub fn begins(beginning: &Beginning<'_>, link: Option<&str>) -> Message {
    let Beginning {
        request,
        region,
        groups,
        refused,
        reason,
    } = beginning;
    let by = clock(request.restore_by());
    let many = counted(groups.len(), "group");
    let line = format!("asg-patch run {region}: begins with {many}, restored by {by}");
    let (listed, _) = fit::first(groups, LISTED_LIMIT);
    let document = json!({
        "event": MessageKind::Begins,
        "run_id": request.run_id,
        "region": region,
        "operation": request.operation,
        "window": request.window,
        "groups": listed,
        "groups_planned": groups.len(),
        "groups_refused": refused.len(),
        "reason": reason,
        "execution": link,
    });
    let news = News {
        kind: MessageKind::Begins,
        run_id: &request.run_id,
        region,
        line,
        lines: beginning_lines(beginning),
        document,
        next_steps: Vec::new(),
    };
    news.message(link)
}

/// A run waits for a person to approve it, until then.
pub fn awaits_approval(
    beginning: &Beginning<'_>,
    window: &str,
    until: DateTime<Utc>,
    link: Option<&str>,
) -> Message {
    let (request, region) = (beginning.request, beginning.region);
    let (many, by) = (counted(beginning.groups.len(), "group"), clock(until));
    let window = plain_text(window);
    let command = format!("asg-patch approve --window {window} --why REASON");
    let mut lines = vec![
        format!("asg-patch run {} in {region} waits for an approval of the window {window}.", request.run_id),
        String::new(),
        format!("It is given up at {by}. To approve it: {command}"),
        "or run the document AsgPatch-Approve of Systems Manager. To reject it: the same with --reject.".into(),
        String::new(),
    ];
    lines.extend(group_lines(beginning));
    let news = News {
        kind: MessageKind::AwaitsApproval,
        run_id: &request.run_id,
        region,
        line: format!("asg-patch run {region}: waits for an approval until {by}, {many}"),
        lines,
        document: json!({
            "event": MessageKind::AwaitsApproval, "run_id": request.run_id, "region": region, "window": window,
            "until": until, "groups_planned": beginning.groups.len(), "execution": link,
        }),
        next_steps: vec![command],
    };
    news.message(link)
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%d %b %H:%M UTC").to_string()
}

fn beginning_lines(beginning: &Beginning<'_>) -> Vec<String> {
    let Beginning {
        request,
        region,
        groups,
        refused: _,
        reason,
    } = beginning;
    let treatment = match request.operation {
        Operation::Install => "patched, proved and restored",
        Operation::Scan => "scanned and restored",
    };
    let mut lines = vec![
        format!("asg-patch run {} in {region} begins.", request.run_id),
        String::new(),
        format!(
            "{} ({}): each is woken by one instance, {treatment} by {}; nothing new is started \
             after {}.",
            counted(groups.len(), "group"),
            request.operation,
            clock(request.restore_by()),
            clock(request.window.cutoff)
        ),
    ];
    lines.extend(reason.map(|r| format!("Reason: {}", plain_text(r))));
    lines.push(String::new());
    lines.extend(group_lines(beginning));
    lines.push(String::new());
    lines.push("To stop it: stop the execution; what is under way is then restored.".into());
    lines
}

/// The groups that will be tried, and those that will not.
fn group_lines(beginning: &Beginning<'_>) -> Vec<String> {
    let Beginning {
        groups, refused, ..
    } = beginning;
    let (shown, left_out) = fit::first(groups, GROUPS_LIMIT);
    let mut lines = Vec::new();
    lines.extend(shown.iter().map(|g| format!("  * {}", plain_text(g))));
    if left_out > 0 {
        lines.push(format!("  and {left_out} more"));
    }
    if !refused.is_empty() {
        lines.push(String::new());
        lines.push("SKIPPED - not touched".into());
        let (shown, _) = fit::first(refused, GROUPS_LIMIT);
        lines.extend(shown.iter().map(|group| {
            let code = group.code.map(|c| format!(" ({c})")).unwrap_or_default();
            let reason = shortened(&plain_text(&group.reason), REASON_LIMIT);
            format!("  * {}{code}: {reason}", plain_text(&group.group))
        }));
    }
    lines
}

/// A run was refused: nothing was touched.
pub fn refused(
    run_id: &RunId,
    region: &str,
    failure: &Failure,
    pages_url: Option<&str>,
    link: Option<&str>,
) -> Message {
    let words = ("refused", "was refused");
    not_begun(words, run_id, region, failure, pages_url, link)
}

/// A run did not begin, and nothing was touched. The words are one for the first line, and the end of the sentence about it.
pub fn not_begun(
    (word, sentence): (&str, &str),
    run_id: &RunId,
    region: &str,
    failure: &Failure,
    pages_url: Option<&str>,
    link: Option<&str>,
) -> Message {
    let reason = shortened(&plain_text(&failure.reason), REASON_LIMIT);
    let code = failure.code;
    let news = News {
        kind: MessageKind::Refused,
        run_id,
        region,
        line: format!("asg-patch {region}: {word} ({code}): {reason}"),
        lines: vec![
            format!("A run in {region} {sentence}; nothing was touched."),
            String::new(),
            format!("Why ({code}): {reason}"),
            format!("What to do: {}", code.remedy()),
            format!("More: {}", more_about(code, pages_url)),
            format!("Run: {run_id}"),
        ],
        document: json!({
            "event": MessageKind::Refused, "run_id": run_id, "region": region, "code": code,
            "reason": reason, "execution": link,
        }),
        next_steps: vec![code.remedy().to_owned()],
    };
    news.message(link)
}

/// The parts of a message that differ.
pub(super) struct News<'a> {
    pub(super) kind: MessageKind,
    pub(super) run_id: &'a RunId,
    pub(super) region: &'a str,
    /// The whole in a line.
    pub(super) line: String,
    /// Of the e-mail.
    pub(super) lines: Vec<String>,
    /// For programs.
    pub(super) document: Value,
    pub(super) next_steps: Vec<String>,
}

impl News<'_> {
    pub(super) fn message(self, link: Option<&str>) -> Message {
        let Self {
            kind,
            run_id,
            region,
            line,
            mut lines,
            document,
            next_steps,
        } = self;
        lines.extend(link.map(|l| format!("Execution: {l}")));
        lines.push(String::new());
        Message {
            kind,
            run_id: run_id.clone(),
            region: region.to_owned(),
            subject: subject(&line),
            sms: sms(&line),
            default: line,
            email: lines.join("\n"),
            queue_json: document.to_string(),
            next_steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::group::{Code, Outcome};
    use crate::ids::GroupName;
    use crate::report::sample;
    use crate::request::{AtDeadline, FailureLimit, Selection};
    use crate::schedule::Window;

    const LINK: Option<&str> = Some("https://eu-west-1.console.aws.amazon.com/states/home");

    fn request() -> RunRequest {
        let owner = "arn:aws:states:eu-west-1:123456789012:execution:AsgPatch:nightly";
        RunRequest {
            run_id: "exec-nightly".into(),
            owner: owner.to_owned(),
            window: Window {
                start: sample::at(0),
                deadline: sample::at(3 * 3600),
                cutoff: sample::at(2 * 3600),
            },
            selection: Selection::default(),
            operation: Operation::Install,
            max_in_flight: None,
            max_failures: FailureLimit::Percent(100),
            topic_arn: None,
            at_deadline: AtDeadline::default(),
            keep_failed: None,
            documents: Default::default(),
            place_tags: Default::default(),
            ring: None,
            about: Box::default(),
        }
    }

    #[test]
    fn a_run_begins() {
        let request = request();
        let legacy = sample::group(
            "legacy",
            Outcome::Skipped,
            Some((
                Code::LaunchConfiguration,
                "the group uses the launch configuration legacy-2019",
            )),
        );
        let names: [GroupName; 2] = ["batch".into(), "web-nightly".into()];
        let beginning = Beginning {
            request: &request,
            region: "eu-west-1",
            groups: names.iter().collect(),
            refused: vec![&legacy],
            reason: Some("CVE-2026-1234"),
        };
        let message = begins(&beginning, LINK);
        expect![[r#"
            asg-patch run exec-nightly in eu-west-1 begins.

            2 groups (Install): each is woken by one instance, patched, proved and restored by 14 Oct 07:00 UTC; nothing new is started after 14 Oct 06:00 UTC.
            Reason: CVE-2026-1234

              * batch
              * web-nightly

            SKIPPED - not touched
              * legacy (AP-0101): the group uses the launch configuration legacy-2019

            To stop it: stop the execution; what is under way is then restored.
            Execution: https://eu-west-1.console.aws.amazon.com/states/home
        "#]].assert_eq(&message.email);
        expect!["asg-patch run eu-west-1: begins with 2 groups, restored by 14 Oct 07:00 UTC"]
            .assert_eq(&message.subject);
        expect![[r#"{"event":"begins","run_id":"exec-nightly","region":"eu-west-1","operation":"Install","window":{"start":"2026-10-14T04:00:00Z","deadline":"2026-10-14T07:00:00Z","cutoff":"2026-10-14T06:00:00Z"},"groups":["batch","web-nightly"],"groups_planned":2,"groups_refused":1,"reason":"CVE-2026-1234","execution":"https://eu-west-1.console.aws.amazon.com/states/home"}"#]].assert_eq(&message.queue_json);
    }

    #[test]
    fn a_run_was_refused() {
        let failure = Failure::new(
            Code::NotOptedIn,
            "group 'wbe': expected an Auto Scaling group, found none",
        );
        let message = refused(&"exec-nightly".into(), "eu-west-1", &failure, None, LINK);
        expect![[r#"
            A run in eu-west-1 was refused; nothing was touched.

            Why (AP-0803): group 'wbe': expected an Auto Scaling group, found none
            What to do: correct the name, or tag the group
            More: asg-patch explain AP-0803
            Run: exec-nightly
            Execution: https://eu-west-1.console.aws.amazon.com/states/home
        "#]]
        .assert_eq(&message.email);
        expect!["asg-patch eu-west-1: refused (AP-0803): group 'wbe': expected an Auto Scaling group, found none"].assert_eq(&message.default);
    }
}
