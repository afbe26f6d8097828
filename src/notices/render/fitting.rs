//! Lists that are shortened to fit, with the number left out.

use crate::report::fit;

/// As many lines as fit into `limit` characters; what is left out is counted: `and 12 more`, with `more` behind it.
pub(super) fn lines(lines: &[String], limit: usize, more: &str) -> String {
    let text = |n: usize| {
        let mut shown: Vec<String> = lines[..n].to_vec();
        if n < lines.len() {
            shown.push(format!("and {} more{more}", lines.len() - n));
        }
        shown.join("\n")
    };
    text(fit::most(lines.len(), |n| text(n).chars().count() <= limit))
}

/// The first rendering that fits, from the most generous budget on; the last one if none does.
pub(super) fn first_that_fits<T>(
    budgets: &[usize],
    render: impl Fn(usize) -> T,
    fits: impl Fn(&T) -> bool,
) -> Option<T> {
    let mut last = None;
    for budget in budgets {
        let rendered = render(*budget);
        if fits(&rendered) {
            return Some(rendered);
        }
        last = Some(rendered);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn the_number_left_out_is_named() {
        let all: Vec<String> = (0..5).map(|n| format!("line {n}")).collect();
        assert_eq!(lines(&all, 100, ""), all.join("\n"));
        assert_eq!(lines(&all, 26, " groups"), "line 0\nand 4 more groups");
        assert_eq!(lines(&all, 0, ""), "and 5 more");
    }
}
