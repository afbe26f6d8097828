//! A table whose rows take one line each where they fit, with sentences below a row that needs them.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Blanks between two columns.
const GAP: u16 = 2;
/// The sentences below a row begin with this.
const INDENT: &str = "  ";
/// See [`Blocks`].
const MARK: &str = "|";

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// The header.
    pub(super) title: &'static str,
    /// The content may be wrapped down to this width; `None`: never.
    pub(super) least: Option<u16>,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// One cell for each column.
    pub(super) cells: Vec<String>,
    /// Sentences below the row.
    pub(super) below: Vec<String>,
}

/// A table, ready to be laid out.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    /// The header is the first row.
    cells: Blocks,
    below: Vec<Vec<String>>,
}

impl Grid {
    /// A table of these rows.
    pub(super) fn new(columns: &[Column], rows: Vec<Row>) -> Self {
        let mut cells = Blocks::default();
        cells.add(columns.iter().map(|c| c.title));
        let mut below = vec![Vec::new()];
        for row in rows {
            cells.add(row.cells.iter().map(String::as_str));
            below.push(row.below);
        }
        Self {
            columns: columns.to_vec(),
            cells,
            below,
        }
    }

    /// Whether it can be laid out at this width.
    pub(super) fn fits(&self, width: u16) -> bool {
        let natural = self.cells.natural_widths();
        let columns = self.columns.iter().zip(natural);
        let least: Vec<u16> = columns
            .map(|(column, natural)| column.least.map_or(natural, |l| l.min(natural)))
            .collect();
        spread(&least) <= width
    }

    /// The lines of the table.
    pub(super) fn lines(self, width: u16) -> Vec<String> {
        let widths = self.widths(width);
        let mut sentences = Blocks::default();
        for sentence in self.below.iter().flatten() {
            sentences.add([sentence.as_str()]);
        }
        let mut sentences = sentences.lines(&[room(INDENT.len(), width)]).into_iter();
        let mut lines = Vec::new();
        for (row, below) in self.cells.lines(&widths).into_iter().zip(&self.below) {
            let is_header = lines.is_empty();
            lines.extend(row);
            if is_header {
                lines.push("─".repeat(usize::from(spread(&widths).min(width))));
            }
            for sentence in sentences.by_ref().take(below.len()) {
                lines.extend(indented(INDENT, sentence));
            }
        }
        lines
    }

    /// The natural widths, or narrower ones if the table would be too wide: the widest yields first.
    fn widths(&self, width: u16) -> Vec<u16> {
        let mut widths = self.cells.natural_widths();
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

/// A sentence over as many lines as it needs; the first begins with `head`, the others with as many
/// blanks.
pub(super) fn wrapped(head: &str, sentence: &str, width: u16) -> Vec<String> {
    let mut blocks = Blocks::default();
    blocks.add([sentence]);
    let lines = blocks.lines(&[room(head.chars().count(), width)]);
    indented(head, lines.into_iter().flatten().collect())
}

/// Columns left for a sentence beside its head; at least 20, even if the line becomes too long.
fn room(head: usize, width: u16) -> u16 {
    usize::from(width).saturating_sub(head).max(20) as u16
}

fn indented(head: &str, lines: Vec<String>) -> Vec<String> {
    let blanks = " ".repeat(head.chars().count());
    let heads = std::iter::once(head).chain(std::iter::repeat(blanks.as_str()));
    heads
        .zip(lines)
        .map(|(head, line)| format!("{head}{line}"))
        .collect()
}

/// The width of columns with the gaps between them.
fn spread(widths: &[u16]) -> u16 {
    let gaps = GAP.saturating_mul(widths.len().saturating_sub(1) as u16);
    widths.iter().fold(gaps, |sum, w| sum.saturating_add(*w))
}

/// Rows of cells that are wrapped all at once. A first column of one character marks the line on
/// which a row begins.
#[derive(Clone, Debug, Default)]
struct Blocks(Table);

impl Blocks {
    fn add<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let cells = std::iter::once(MARK).chain(cells);
        self.0.add_row(cells.map(Cell::new));
    }

    /// The width of each column, if nothing is wrapped.
    fn natural_widths(&self) -> Vec<u16> {
        self.0.column_max_content_widths().split_off(1)
    }

    /// The lines of each row at these widths.
    fn lines(mut self, widths: &[u16]) -> Vec<Vec<String>> {
        self.0
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .force_no_tty()
            .set_width(u16::MAX);
        let widths = widths.iter().map(|width| width + GAP);
        for (index, width) in std::iter::once(1).chain(widths).enumerate() {
            if let Some(column) = self.0.column_mut(index) {
                column.set_padding((0, if index == 0 { 0 } else { GAP }));
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            }
        }
        let mut rows: Vec<Vec<String>> = Vec::new();
        for line in self.0.lines() {
            let content = line.get(1..).unwrap_or_default().trim_end().to_owned();
            match rows.last_mut() {
                Some(row) if !line.starts_with(MARK) => row.push(content),
                _ => rows.push(vec![content]),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Column, Grid, Row};

    #[test]
    fn the_widest_column_yields_and_sentences_stay_below_their_row() {
        let column = |title, least| Column { title, least };
        let row = |name: &str, below: &[&str]| Row {
            cells: vec![name.into(), "0-4-0".into()],
            below: below.iter().map(|&b| b.into()).collect(),
        };
        let grid = Grid::new(
            &[column("name", Some(6)), column("capacity", None)],
            vec![
                row("日本-web-nightly-frankfurt", &["all is well with it"]),
                row("b", &[]),
            ],
        );
        assert!(grid.fits(16) && !grid.fits(15));
        expect![[r#"
            name               capacity
            ───────────────────────────
            日本-web-nightly-  0-4-0
            frankfurt
              all is well with it
            b                  0-4-0"#]]
        .assert_eq(&grid.lines(27).join("\n"));
    }
}
