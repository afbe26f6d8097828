//! Live progress on stderr: a line per group and a tally on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;

use asg_patch::group::Phase;
use asg_patch::ids::GroupName;
use asg_patch::run::Progress;
use asg_patch::text::{counted, duration};
use chrono::{DateTime, Utc};
use console::Term;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::Output;

/// Rows of a terminal that are left for what was shown before, and for the tally.
const ROWS_LEFT: usize = 4;
/// Groups are shown even on the smallest terminal.
const LEAST_ROWS: usize = 3;

/// The phase and the reason of each group, shown as they change.
pub(crate) struct Display<'a> {
    output: &'a Output,
    shown: BTreeMap<GroupName, Shown>,
    tally: Tally,
    /// The line below the groups, with the tally.
    below: Option<ProgressBar>,
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
            tally: Tally::default(),
            below: None,
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
        if self.output.live().is_hidden() {
            self.output.notice(&format!("{time} {line}"));
            return;
        }
        let names = self.shown.keys().map(|name| name.chars().count());
        let aligned = format!("{time} {}", aligned(progress, names.max().unwrap_or(0)));
        self.tally.count(progress);
        self.show_live(progress, aligned);
    }

    fn show_live(&mut self, progress: &Progress, line: String) {
        let live = self.output.live();
        let with_bar = self.shown.values().filter(|s| s.bar.is_some()).count();
        let below = self.below.get_or_insert_with(|| live.add(line_bar()));
        let shown = self.shown.entry(progress.group.clone()).or_default();
        if progress.outcome.is_some() {
            // Finished groups leave the live lines, so that these stay few.
            if let Some(bar) = shown.bar.take() {
                bar.finish_and_clear();
                live.remove(&bar);
            }
            self.output.progress(&line);
        } else if progress.phase != Phase::Queued {
            if shown.bar.is_none() && with_bar < rows() {
                shown.bar = Some(live.insert_before(below, line_bar()));
            }
            if let Some(bar) = &shown.bar {
                bar.set_message(line);
            }
        }
        let with_bar = self.shown.values().filter(|s| s.bar.is_some()).count();
        below.set_message(self.tally.text(with_bar, progress.at));
        if self.tally.is_over() {
            below.finish_and_clear();
        }
    }
}

/// A live line without anything that moves.
fn line_bar() -> ProgressBar {
    // The template is a constant that parses.
    let style =
        ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new_spinner().with_style(style)
}

/// Live lines that fit on the terminal.
fn rows() -> usize {
    let height = Term::stderr().size_checked().map_or(0, |(rows, _)| rows);
    usize::from(height)
        .saturating_sub(ROWS_LEFT)
        .max(LEAST_ROWS)
}

/// The states of all groups that were heard of.
#[derive(Debug, Default)]
struct Tally {
    begun_at: Option<DateTime<Utc>>,
    states: BTreeMap<GroupName, State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    AtWork,
    Done,
}

impl Tally {
    fn count(&mut self, progress: &Progress) {
        self.begun_at.get_or_insert(progress.at);
        let state = match (progress.outcome, progress.phase) {
            (Some(_), _) => State::Done,
            (None, Phase::Queued) => State::Waiting,
            (None, _) => State::AtWork,
        };
        self.states.insert(progress.group.clone(), state);
    }

    fn of(&self, state: State) -> usize {
        self.states.values().filter(|s| **s == state).count()
    }

    fn is_over(&self) -> bool {
        self.of(State::Done) == self.states.len()
    }

    /// `12 of 40 groups done, 25 at work (+16 more), 3 waiting; about 35m 00s left`. `shown` is the number of groups with
    /// a line of their own; the time left goes by those that are done.
    fn text(&self, shown: usize, now: DateTime<Utc>) -> String {
        let (done, at_work) = (self.of(State::Done), self.of(State::AtWork));
        let all = self.states.len();
        let mut text = format!(
            "{done} of {} done, {at_work} at work",
            counted(all, "group")
        );
        if at_work > shown {
            text.push_str(&format!(" (+{} more)", at_work - shown));
        }
        match self.of(State::Waiting) {
            0 => {}
            waiting => text.push_str(&format!(", {waiting} waiting")),
        }
        let elapsed = self.begun_at.map_or(0, |begun| (now - begun).num_seconds());
        if let (Some(each), true) = (elapsed.unsigned_abs().checked_div(done as u64), done < all) {
            let left = each.saturating_mul((all - done) as u64);
            text.push_str(&format!("; about {} left", duration(left)));
        }
        text
    }
}

/// `web-nightly patching: installing patches (12m so far)`; `web-nightly patched: ...` at the end.
fn line(progress: &Progress) -> String {
    let group = asg_patch::text::plain_text(&progress.group);
    let reason = asg_patch::text::plain_text(&progress.reason);
    format!("{group} {}: {reason}", state(progress))
}

/// How a group ended, or where it stands, for people.
fn state(progress: &Progress) -> String {
    match progress.outcome {
        Some(outcome) => outcome.words().to_owned(),
        None => progress.phase.to_string().replace('_', " "),
    }
}

/// The same in aligned columns, for a terminal.
fn aligned(progress: &Progress, widest_name: usize) -> String {
    /// Names longer than this shift their own line only.
    const NAME_LIMIT: usize = 28;
    /// The longest phase but those of the canary is `rolling back`; only the outcome `already current` is longer.
    const STATE_WIDTH: usize = 12;
    let group = asg_patch::text::plain_text(&progress.group);
    let reason = asg_patch::text::plain_text(&progress.reason);
    let width = widest_name.min(NAME_LIMIT);
    format!("{group:width$}  {:STATE_WIDTH$}  {reason}", state(progress))
}

#[cfg(test)]
mod tests {
    use asg_patch::group::{Outcome, Phase};
    use asg_patch::run::Progress;
    use chrono::TimeDelta;

    use super::{Tally, aligned, line};

    fn progress(group: &str, phase: Phase, outcome: Option<Outcome>) -> Progress {
        Progress {
            at: "2026-10-14T04:12:07Z".parse().unwrap(),
            group: group.into(),
            phase,
            reason: "the patch command\nis in progress".into(),
            outcome,
        }
    }

    #[test]
    fn a_line_names_group_phase_and_reason() {
        let patching = progress("web-nightly", Phase::Patching, None);
        assert_eq!(
            line(&patching),
            "web-nightly patching: the patch command is in progress"
        );
        assert_eq!(
            aligned(&patching, 14),
            "web-nightly     patching      the patch command is in progress"
        );
        let ended = progress("web-nightly", Phase::Finished, Some(Outcome::RolledBack));
        assert_eq!(
            line(&ended),
            "web-nightly rolled back: the patch command is in progress"
        );
    }

    #[test]
    fn a_tally_counts_what_has_no_line_and_how_long_it_lasts() {
        let mut tally = Tally::default();
        for n in 0..40 {
            let (phase, outcome) = match n {
                0..12 => (Phase::Finished, Some(Outcome::Patched)),
                12..37 => (Phase::Patching, None),
                _ => (Phase::Queued, None),
            };
            tally.count(&progress(&format!("group-{n}"), phase, outcome));
        }
        let begun = tally.begun_at.unwrap();
        assert_eq!(
            tally.text(9, begun + TimeDelta::minutes(15)),
            "12 of 40 groups done, 25 at work (+16 more), 3 waiting; about 35m 00s left"
        );
        assert!(!tally.is_over());
    }
}
