//! Colours: how a group ended, or will not begin, stands out in tables and progress lines on a terminal that wants
//! colours.

use asg_patch::group::Outcome;
use console::Style;

/// The words of a plan for groups that a run would leave alone.
const NOT_DONE: [&str; 3] = ["refused", "no time", "locked"];

/// The text with colours. A cell is set apart by two blanks on each side, or ends its line: words within sentences are
/// left alone.
pub(super) fn cells(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}

fn line(line: &str) -> String {
    let outcomes = [
        (Outcome::Scanned, Style::new().cyan()),
        (Outcome::Patched, Style::new().green()),
        (Outcome::AlreadyCurrent, Style::new().green().dim()),
        (Outcome::Skipped, Style::new().yellow()),
        (Outcome::RolledBack, Style::new().magenta()),
        (Outcome::Failed, Style::new().red().bold()),
    ];
    let outcomes = outcomes.map(|(outcome, style)| (outcome.words(), style));
    let others = NOT_DONE.map(|words| (words, Style::new().yellow()));
    for (words, style) in outcomes.into_iter().chain(others) {
        if let Some(at) = cell(line, words) {
            let painted = style.force_styling(true).apply_to(words);
            let (before, after) = (&line[..at], &line[at + words.len()..]);
            return format!("{before}{painted}{after}");
        }
    }
    line.to_owned()
}

/// Where the line has a cell of these words.
fn cell(line: &str, words: &str) -> Option<usize> {
    let is_cell = |at: &usize| {
        let after = &line[at + words.len()..];
        line[..*at].ends_with("  ") && (after.is_empty() || after.starts_with("  "))
    };
    let mut found = line.match_indices(words).map(|(at, _)| at);
    found.find(is_cell)
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn cells_have_colours_and_sentences_have_none() {
        let text = "web   rolled back  ami-1\nbatch  failed\n  it has failed  twice\npatched by it";
        let shown = cells(text).replace('\u{1b}', "^");
        let expected = "web   ^[35mrolled back^[0m  ami-1\nbatch  ^[31m^[1mfailed^[0m\n  it has failed  twice\npatched by it";
        assert_eq!(shown, expected);
    }
}
