//! The table of all codes.

use super::grid::{Grid, Row};
use super::{fixed, flexible, joined};
use crate::group::Code;
use crate::report::codes_sheet;
use crate::text::counted;

/// The table of all codes with their meanings. `width` is in columns.
pub fn codes_table(width: u16) -> String {
    let rows = codes_sheet().rows.into_iter().map(|mut cells| {
        cells.truncate(2);
        Row {
            cells,
            below: Vec::new(),
        }
    });
    let grid = Grid::new(&[fixed("code"), flexible("meaning", 20)], rows.collect());
    let mut lines = grid.lines(width);
    lines.push(String::new());
    let count = counted(Code::ALL.len(), "code");
    lines.push(format!(
        "{count}. The page about one: asg-patch explain CODE"
    ));
    joined(lines)
}
