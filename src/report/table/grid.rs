//! A table whose rows are single lines where they fit, with sentences below a row where there is more
//! to say of it.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Blanks between two columns.
const GAP: u16 = 2;

/// A table, ready to be laid out.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its header.
    pub title: &'static str,
    /// Its content may be wrapped down to this width; `None`: never.
    pub least: Option<u16>,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// One for each column.
    pub cells: Vec<String>,
    /// Sentences below it.
    pub below: Vec<String>,
}

impl Grid {
    /// A table without rows.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether it can be laid out at this width.
    pub(super) fn fits(&self, width: u16) -> bool {
        let least = self
            .columns
            .iter()
            .zip(self.natural_widths())
            .map(|(column, natural)| column.least.map_or(natural, |l| l.min(natural)));
        spread(&least.collect::<Vec<_>>()) <= width
    }

    /// The lines of the table.
    pub(super) fn lines(&self, width: u16) -> Vec<String> {
        let widths = self.widths(width);
        let titles: Vec<String> = self.columns.iter().map(|c| c.title.to_owned()).collect();
        let mut lines = row_lines(&titles, &widths);
        lines.push("─".repeat(usize::from(spread(&widths).min(width))));
        for row in &self.rows {
            lines.extend(row_lines(&row.cells, &widths));
            for sentence in &row.below {
                lines.extend(wrapped("  ", sentence, width));
            }
        }
        lines
    }

    fn natural_widths(&self) -> Vec<u16> {
        let mut table = Table::new();
        table.set_header(self.columns.iter().map(|c| c.title));
        for row in &self.rows {
            table.add_row(row.cells.iter().map(Cell::new));
        }
        table.column_max_content_widths()
    }

    /// The natural widths, or narrower ones where the table would be too wide: the widest gives first.
    fn widths(&self, width: u16) -> Vec<u16> {
        let mut widths = self.natural_widths();
        while spread(&widths) > width {
            let widest = self
                .columns
                .iter()
                .zip(&mut widths)
                .filter_map(|(column, w)| column.least.is_some_and(|l| *w > l).then_some(w))
                .max();
            match widest {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }
}

fn spread(widths: &[u16]) -> u16 {
    let gaps = GAP.saturating_mul(widths.len().saturating_sub(1) as u16);
    widths.iter().fold(gaps, |sum, w| sum.saturating_add(*w))
}

fn row_lines(cells: &[String], widths: &[u16]) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(u16::MAX)
        .add_row(cells.iter().map(Cell::new));
    for (index, width) in widths.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, GAP));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + GAP)));
        }
    }
    table.lines().map(|l| l.trim_end().to_owned()).collect()
}

/// A sentence over as many lines as it needs; the first begins with `head`, the others with as many
/// blanks.
pub(super) fn wrapped(head: &str, sentence: &str, width: u16) -> Vec<String> {
    let indent = head.chars().count();
    let room = usize::from(width).saturating_sub(indent).max(20) as u16;
    row_lines(&[sentence.to_owned()], &[room])
        .into_iter()
        .enumerate()
        .map(|(index, line)| match index {
            0 => format!("{head}{line}"),
            _ => format!("{}{line}", " ".repeat(indent)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Column, Grid, Row};

    #[test]
    fn the_widest_column_gives_way_and_sentences_stay_below_their_row() {
        let column = |title, least| Column { title, least };
        let mut grid = Grid::new(&[column("name", Some(6)), column("size", None)]);
        for (name, below) in [
            ("日本-web-nightly-frankfurt", "all is well with it"),
            ("b", ""),
        ] {
            grid.add(Row {
                cells: vec![name.into(), "0-4-0".into()],
                below: [below]
                    .iter()
                    .filter(|b| !b.is_empty())
                    .map(|b| (*b).to_owned())
                    .collect(),
            });
        }
        assert!(grid.fits(13) && !grid.fits(12));
        expect![[r#"
            name               size
            ────────────────────────
            日本-web-nightly-  0-4-0
            frankfurt
              all is well with it
            b                  0-4-0"#]]
        .assert_eq(&grid.lines(24).join("\n"));
    }
}
