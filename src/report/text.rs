//! The report of a run as prose: the e-mail and the one-line text.

use super::format::{WORST_FIRST, change, place, worked_seconds};
use super::{GroupReport, RunKind, RunReport, more_about};
use crate::group::Outcome;
use crate::text::{counted, duration, plain_text, shell_word, shortened};

/// Longer reasons are cut in messages, because error texts of AWS can be long; the JSON report has
/// them whole.
const REASON_LIMIT: usize = 1_000;

/// Warnings beyond this number are only counted.
const WARNING_LIMIT: usize = 20;

/// The groups by urgency: those not restored come first, then the order is by outcome (worst first)
/// and name.
pub fn by_urgency(report: &RunReport) -> Vec<&GroupReport> {
    let rank = |g: &GroupReport| WORST_FIRST.iter().position(|o| *o == g.outcome);
    let mut groups: Vec<&GroupReport> = report.groups.iter().collect();
    groups.sort_by_key(|g| (!g.left_open, rank(g), &g.group));
    groups
}

/// `5 groups: 1 not restored yet, 2 failed, 3 patched`: worst first, because the end may be cut off.
pub fn tally(report: &RunReport) -> String {
    let mut counts = Vec::new();
    match report.left_open().count() {
        0 => {}
        n => counts.push(format!("{n} not restored yet")),
    }
    for outcome in WORST_FIRST {
        match report.count(outcome) {
            0 => {}
            n => counts.push(format!("{n} {}", outcome.words())),
        }
    }
    let groups = counted(report.groups.len(), "group");
    if counts.is_empty() {
        groups
    } else {
        format!("{groups}: {}", counts.join(", "))
    }
}

/// One line of at most `limit` characters: the tally, then the groups that need attention.
pub fn short_text(report: &RunReport, limit: usize) -> String {
    let mut text = format!(
        "asg-patch {} {}: {}",
        report.kind,
        report.region,
        tally(report)
    );
    let troubled: Vec<String> = by_urgency(report)
        .into_iter()
        .filter(|g| g.left_open || matches!(g.outcome, Outcome::Failed | Outcome::RolledBack))
        .map(|g| match g.code {
            Some(code) => format!("{} ({code})", plain_text(&g.group)),
            None => plain_text(&g.group),
        })
        .collect();
    if !troubled.is_empty() {
        text.push_str(". Look at: ");
        text.push_str(&troubled.join(", "));
    }
    shortened(&text, limit)
}

/// The e-mail: what happened to which groups and what to do about it. It lists at most `most` groups,
/// the most urgent ones, and counts the rest.
pub fn email_text(report: &RunReport, most: usize) -> String {
    let all = by_urgency(report);
    let shown = &all[..most.min(all.len())];
    let mut lines = heading(report);
    section_open(&mut lines, shown, &report.region);
    for outcome in WORST_FIRST {
        let of_outcome: Vec<&GroupReport> = shown
            .iter()
            .copied()
            .filter(|g| g.outcome == outcome)
            .collect();
        section(
            &mut lines,
            outcome,
            &of_outcome,
            report.pages_url.as_deref(),
        );
    }
    let left_out = all.len() - shown.len();
    if left_out > 0 {
        lines.push(String::new());
        lines.push(format!(
            "{} left out to keep the message short; the JSON report of run {} lists all groups.",
            counted(left_out, "more group"),
            report.run_id
        ));
    }
    section_warnings(&mut lines, report);
    lines.push(String::new());
    lines.join("\n")
}

fn heading(report: &RunReport) -> Vec<String> {
    let seconds = (report.finished_at - report.started_at).num_seconds();
    let mut lines = vec![format!(
        "asg-patch {} {} in {}",
        report.kind,
        report.run_id,
        place(&report.region, report.account.as_deref())
    )];
    if report.kind == RunKind::Rehearse {
        lines.push(
            "This was a rehearsal on the simulated account: no real group was touched.".into(),
        );
    }
    lines.push(format!(
        "{} to {} ({})",
        report.started_at.format("%d %B %Y %H:%M UTC"),
        report.finished_at.format("%d %B %Y %H:%M UTC"),
        duration(seconds.unsigned_abs())
    ));
    if let Some(window) = &report.window {
        lines.push(format!("Window: {}", plain_text(window)));
    }
    if let Some(why) = &report.why {
        lines.push(format!(
            "Reason: {}",
            shortened(&plain_text(why), REASON_LIMIT)
        ));
    }
    if let Some(approved) = &report.approved {
        let approved = shortened(&plain_text(approved), REASON_LIMIT);
        lines.push(format!("Approved by {approved}"));
    }
    lines.push(String::new());
    lines.push(format!("{}.", tally(report)));
    lines
}

fn section_open(lines: &mut Vec<String>, shown: &[&GroupReport], region: &str) {
    let open: Vec<&&GroupReport> = shown.iter().filter(|g| g.left_open).collect();
    if open.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push("NOT RESTORED YET - please do this now".into());
    for group in open {
        lines.push(format!(
            "  asg-patch restore --region {region} --group {}",
            shell_word(&group.group)
        ));
    }
}

fn section(
    lines: &mut Vec<String>,
    outcome: Outcome,
    groups: &[&GroupReport],
    pages_url: Option<&str>,
) {
    if groups.is_empty() {
        return;
    }
    let meaning = match outcome {
        Outcome::Failed => "FAILED - not, or not provably, as before",
        Outcome::RolledBack => "ROLLED BACK - as before, not patched",
        Outcome::Skipped => "SKIPPED - not touched",
        Outcome::Scanned => "SCANNED - patches are missing, nothing changed",
        Outcome::Patched => "PATCHED - new instances launch from the new image",
        Outcome::AlreadyCurrent => "ALREADY CURRENT - nothing to patch, nothing changed",
    };
    lines.push(String::new());
    lines.push(meaning.into());
    for group in groups {
        match outcome {
            Outcome::Patched => lines.push(format!("  * {}: {}", group.group, patched(group))),
            Outcome::AlreadyCurrent => lines.push(format!("  * {}", group.group)),
            Outcome::Failed | Outcome::RolledBack | Outcome::Skipped | Outcome::Scanned => {
                trouble(lines, group, pages_url);
            }
        }
        lines.extend(
            group
                .notes
                .iter()
                .map(|n| format!("    Note: {}", plain_text(n))),
        );
    }
}

fn trouble(lines: &mut Vec<String>, group: &GroupReport, pages_url: Option<&str>) {
    let reason = shortened(&plain_text(&group.reason), REASON_LIMIT);
    match group.code {
        Some(code) => {
            lines.push(format!("  * {} ({code}): {reason}", group.group));
            lines.push(format!("    What to do: {}", code.remedy()));
            let more = more_about(code, pages_url);
            lines.push(format!("    More: {more}"));
        }
        None => lines.push(format!("  * {}: {reason}", group.group)),
    }
}

fn patched(group: &GroupReport) -> String {
    let mut parts = vec![match group.patches.installed {
        1 => "1 patch".to_owned(),
        n => format!("{n} patches"),
    }];
    parts.extend(change(
        group.image_before.as_deref(),
        group.image_after.as_deref(),
    ));
    let version = change(
        group.version_before.as_deref(),
        group.version_after.as_deref(),
    );
    parts.extend(version.map(|v| format!("version {v}")));
    parts.push(duration(worked_seconds(group)));
    parts.join(", ")
}

fn section_warnings(lines: &mut Vec<String>, report: &RunReport) {
    if report.warnings.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push("WARNINGS".into());
    for warning in report.warnings.iter().take(WARNING_LIMIT) {
        lines.push(format!(
            "  * {}",
            shortened(&plain_text(warning), REASON_LIMIT)
        ));
    }
    if let Some(more @ 1..) = report.warnings.len().checked_sub(WARNING_LIMIT) {
        lines.push(format!("  and {more} more"));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::sample;
    use super::{RunReport, email_text, short_text};

    #[test]
    fn a_run_as_an_email() {
        expect![[r#"
            asg-patch run cli-20261014T040000Z-ab12 in eu-west-1
            14 October 2026 04:00 UTC to 14 October 2026 05:12 UTC (1h 12m)

            5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current.

            NOT RESTORED YET - please do this now
              asg-patch restore --region eu-west-1 --group stuck

            FAILED - not, or not provably, as before
              * stuck (AP-0601): UpdateAutoScalingGroup answered AccessDenied
                What to do: run `asg-patch restore`: the record stays until the group is restored
                More: asg-patch explain AP-0601

            ROLLED BACK - as before, not patched
              * batch (AP-0311): the patch command ended as Failed with exit code 4 yum: no space left on device
                What to do: read the command's output in Run Command; fix the package or the baseline, then run again
                More: asg-patch explain AP-0311

            SKIPPED - not touched
              * legacy (AP-0101): the group uses the launch configuration legacy-2019
                What to do: move the group to a launch template (a launch configuration cannot be changed), then run again
                More: asg-patch explain AP-0101

            PATCHED - new instances launch from the new image
              * web-nightly-frankfurt: 12 patches, ami-0a1b2c3d4e5f60718 -> ami-0f9e8d7c6b5a40312, version $Latest (3) -> $Latest (4), 12m 05s
                Note: the unknown option tag ep:asg:patch:wve was ignored: known are wave, image

            ALREADY CURRENT - nothing to patch, nothing changed
              * api-current

            WARNINGS
              * two groups share the template web
        "#]].assert_eq(&email_text(&sample::run(), usize::MAX));
    }

    #[test]
    fn a_shortened_email_keeps_the_most_urgent_groups() {
        expect![[r#"
            asg-patch run cli-20261014T040000Z-ab12 in eu-west-1
            14 October 2026 04:00 UTC to 14 October 2026 05:12 UTC (1h 12m)

            5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current.

            NOT RESTORED YET - please do this now
              asg-patch restore --region eu-west-1 --group stuck

            FAILED - not, or not provably, as before
              * stuck (AP-0601): UpdateAutoScalingGroup answered AccessDenied
                What to do: run `asg-patch restore`: the record stays until the group is restored
                More: asg-patch explain AP-0601

            ROLLED BACK - as before, not patched
              * batch (AP-0311): the patch command ended as Failed with exit code 4 yum: no space left on device
                What to do: read the command's output in Run Command; fix the package or the baseline, then run again
                More: asg-patch explain AP-0311

            3 more groups left out to keep the message short; the JSON report of run cli-20261014T040000Z-ab12 lists all groups.

            WARNINGS
              * two groups share the template web
        "#]].assert_eq(&email_text(&sample::run(), 2));
    }

    #[test]
    fn a_run_in_a_line() {
        let run = sample::run();
        expect!["asg-patch run eu-west-1: 5 groups: 1 not restored yet, 1 failed, 1 rolled back, 1 skipped, 1 patched, 1 already current. Look at: stuck (AP-0601), batch (AP-0311)"].assert_eq(&short_text(&run, 1_000));
        assert!(short_text(&run, 60).chars().count() <= 60);
    }

    #[test]
    fn an_email_names_the_reason_and_the_published_pages() {
        let run = RunReport {
            why: Some("CVE-2026-1234".into()),
            pages_url: Some("https://example.org/runbooks".into()),
            ..sample::run()
        };
        let text = email_text(&run, usize::MAX);
        assert!(text.contains("\nReason: CVE-2026-1234\n"), "{text}");
        assert!(
            text.contains("    More: https://example.org/runbooks/AP-0311.md\n"),
            "{text}"
        );
    }
}
