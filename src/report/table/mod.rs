//! Tables for people at a terminal.

mod codes;
mod grid;
mod history;
mod plan;
mod prune;
mod run;
mod status;
mod windows;

use std::collections::BTreeSet;

use self::grid::{Column, Grid, wrapped};
use super::format::short_id;
use super::{Cost, more_about};
use crate::group::Code;
use crate::text::{plain_text, shell_word};

pub use codes::codes_table;
pub use history::history_table;
pub use plan::plan_table;
pub use prune::prune_table;
pub use run::run_table;
pub use status::status_table;
pub use windows::windows_table;

/// How much a table shows of each value, so that a row takes one line if it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Ids whole.
    Whole,
    /// Ids shortened to their ends.
    Short,
    /// Ids shortened, and values that changed on two lines.
    Narrow,
}

impl Style {
    fn id(self, id: &str) -> String {
        match self {
            Self::Whole => id.to_owned(),
            Self::Short | Self::Narrow => short_id(id),
        }
    }

    /// The width down to which names may be wrapped. Names of the usual lengths are not wrapped before
    /// ids are shortened.
    fn least(self, narrow: u16) -> u16 {
        match self {
            Self::Whole | Self::Short => 22,
            Self::Narrow => narrow,
        }
    }
}

/// The lines of the table in the fullest style that fits.
fn best(width: u16, build: impl Fn(Style) -> Grid) -> Vec<String> {
    [Style::Whole, Style::Short]
        .into_iter()
        .map(&build)
        .find(|grid| grid.fits(width))
        .unwrap_or_else(|| build(Style::Narrow))
        .lines(width)
}

const fn fixed(title: &'static str) -> Column {
    Column { title, least: None }
}

const fn flexible(title: &'static str, least: u16) -> Column {
    Column {
        title,
        least: Some(least),
    }
}

/// One entry per code: what the owner should do, and the page with more.
fn remedies(codes: impl Iterator<Item = Code>, pages_url: Option<&str>, width: u16) -> Vec<String> {
    let codes: BTreeSet<Code> = codes.collect();
    codes
        .into_iter()
        .flat_map(|code| {
            let sentence = format!(
                "{}. What to do: {}. More: {}",
                code.title(),
                code.remedy(),
                more_about(code, pages_url)
            );
            wrapped(&format!("{code} "), &sentence, width)
        })
        .collect()
}

fn notes(notes: &[String]) -> impl Iterator<Item = String> {
    notes.iter().map(|n| format!("note: {}", plain_text(n)))
}

fn warnings(warnings: &[String], width: u16) -> Vec<String> {
    let all = warnings.iter();
    all.flat_map(|w| wrapped("warning: ", &plain_text(w), width))
        .collect()
}

/// The quantities of a cost and, where it was priced, the amounts; each sentence begins with `head`.
fn cost_lines(head: &str, cost: Option<&Cost>, width: u16) -> Vec<String> {
    let quantities = cost.and_then(Cost::quantities);
    let in_money = cost.and_then(Cost::in_money);
    let lines = quantities.into_iter().chain(in_money);
    lines.flat_map(|l| wrapped(head, &l, width)).collect()
}

/// The command that restores these groups, to be pasted.
fn restore_line(groups: &[&str]) -> String {
    let options: Vec<String> = groups
        .iter()
        .map(|group| format!("--group {}", shell_word(group)))
        .collect();
    let which = match groups.len() {
        0..=3 => plain_text(&groups.join(", ")),
        many => format!("these {many} groups"),
    };
    format!(
        "to restore {which} now: asg-patch restore {}",
        options.join(" ")
    )
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn joined(lines: Vec<String>) -> String {
    let mut text = String::new();
    for line in lines.join("\n").lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Helpers of the tables' tests.
#[cfg(test)]
mod tests {
    /// A table on a usual terminal and on the narrowest that the tables are made for.
    pub(super) fn at_widths(table: impl Fn(u16) -> String) -> [String; 2] {
        [120, 80].map(|width| {
            let text = table(width);
            let widest = text.lines().map(|l| l.chars().count()).max().unwrap();
            assert!(widest <= usize::from(width), "{widest} columns:\n{text}");
            text
        })
    }
}
