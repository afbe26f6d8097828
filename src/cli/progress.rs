//! Live progress on stderr: a line per group on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;

use asg_patch::group::Phase;
use asg_patch::ids::GroupName;
use asg_patch::run::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;

/// The phase and the reason of each group, shown as they change.
pub(crate) struct Display<'a> {
    output: &'a Output,
    shown: BTreeMap<GroupName, Shown>,
}

#[derive(Default)]
struct Shown {
    line: String,
    bar: Option<ProgressBar>,
}

impl<'a> Display<'a> {
    /// An empty display.
    pub(crate) fn new(output: &'a Output) -> Self {
        Self {
            output,
            shown: BTreeMap::new(),
        }
    }

    /// Shows the progress of a group, unless the same line was shown last.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.output.quiet() {
            return;
        }
        let line = line(progress);
        let shown = self.shown.entry(progress.group.clone()).or_default();
        if shown.line == line {
            return;
        }
        shown.line.clone_from(&line);
        let time = progress.at.format("%H:%M:%S");
        let live = self.output.live();
        if live.is_hidden() {
            self.output.notice(&format!("{time} {line}"));
            return;
        }
        let names = self.shown.keys().map(|name| name.chars().count());
        let aligned = format!("{time} {}", aligned(progress, names.max().unwrap_or(0)));
        let shown = self.shown.entry(progress.group.clone()).or_default();
        if progress.outcome.is_some() {
            // Finished groups leave the live lines, so that these stay few.
            if let Some(bar) = shown.bar.take() {
                bar.finish_and_clear();
                live.remove(&bar);
            }
            self.output.notice(&aligned);
        } else if progress.phase != Phase::Queued {
            let bar = shown.bar.get_or_insert_with(|| {
                // The template is a constant that parses.
                let style = ProgressStyle::with_template("{wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
                live.add(ProgressBar::new_spinner().with_style(style))
            });
            bar.set_message(aligned);
        }
    }
}

/// `web-nightly patching: installing patches (12m so far)`; `web-nightly patched: ...` at the end.
fn line(progress: &Progress) -> String {
    let group = asg_patch::text::plain_text(&progress.group);
    let reason = asg_patch::text::plain_text(&progress.reason);
    match progress.outcome {
        Some(outcome) => format!("{group} {outcome}: {reason}"),
        None => format!("{group} {}: {reason}", progress.phase),
    }
}

/// The same in aligned columns, for a terminal.
fn aligned(progress: &Progress, widest_name: usize) -> String {
    /// Names longer than this shift their own line only.
    const NAME_LIMIT: usize = 28;
    /// The longest phase is `rolling_back`; only the outcome `already_current` is longer.
    const STATE_WIDTH: usize = 12;
    let group = asg_patch::text::plain_text(&progress.group);
    let reason = asg_patch::text::plain_text(&progress.reason);
    let state = match progress.outcome {
        Some(outcome) => outcome.to_string(),
        None => progress.phase.to_string(),
    };
    let width = widest_name.min(NAME_LIMIT);
    format!("{group:width$}  {state:STATE_WIDTH$}  {reason}")
}

#[cfg(test)]
mod tests {
    use asg_patch::group::{Outcome, Phase};
    use asg_patch::run::Progress;

    use super::{aligned, line};

    #[test]
    fn a_line_names_group_phase_and_reason() {
        let mut progress = Progress {
            at: "2026-10-14T04:12:07Z".parse().unwrap(),
            group: "web-nightly".into(),
            phase: Phase::Patching,
            reason: "the patch command\nis in progress".into(),
            outcome: None,
        };
        assert_eq!(
            line(&progress),
            "web-nightly patching: the patch command is in progress"
        );
        assert_eq!(
            aligned(&progress, 14),
            "web-nightly     patching      the patch command is in progress"
        );
        progress.outcome = Some(Outcome::RolledBack);
        assert_eq!(
            line(&progress),
            "web-nightly rolled_back: the patch command is in progress"
        );
    }
}
