//! Tables that fit a terminal: no line is wrapped, long texts lose their middle.

use super::output::{Output, Tint};
use super::text::{cut, width};

/// A table being filled.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// How a column is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Numbers stand at the right.
    pub(crate) right: bool,
    /// How narrow it may become where the table is too wide; none: as wide as its texts.
    pub(crate) least: Option<usize>,
}

/// A text of the table, escaped already.
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tint: Tint,
}

/// Blanks between two columns.
const GAP: usize = 2;

impl Column {
    pub(crate) const fn left(title: &'static str) -> Column {
        Column { title, right: false, least: None }
    }

    pub(crate) const fn right(title: &'static str) -> Column {
        Column { title, right: true, least: None }
    }

    pub(crate) const fn shrinking(title: &'static str, least: usize) -> Column {
        Column { title, right: false, least: Some(least) }
    }
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), tint: Tint::Plain }
    }

    pub(crate) fn tinted(text: impl Into<String>, tint: Tint) -> Cell {
        Cell { text: text.into(), tint }
    }
}

impl Table {
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table { columns: columns.into(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Takes out the columns that say nothing in any row: a dash or nothing at all.
    pub(crate) fn drop_empty_columns(&mut self) {
        for at in (0..self.columns.len()).rev() {
            let says_nothing =
                |row: &Vec<Cell>| row.get(at).is_none_or(|cell| matches!(&*cell.text, "" | "-"));
            if self.rows.iter().all(says_nothing) {
                self.columns.remove(at);
                self.rows.iter_mut().filter(|row| at < row.len()).for_each(|row| drop(row.remove(at)));
            }
        }
    }

    pub(crate) fn print(&self, out: &mut Output) -> anyhow::Result<()> {
        let widths = self.widths(out.columns);
        let titles = self.columns.iter().map(|column| Cell::tinted(column.title, Tint::Bold)).collect();
        for row in [&titles].into_iter().chain(&self.rows) {
            let line = self.line(row, &widths, out.columns, |tint, text| out.tinted(tint, text));
            out.line(&line)?;
        }
        Ok(())
    }

    fn line(
        &self,
        row: &[Cell],
        widths: &[usize],
        columns: Option<usize>,
        tinted: impl Fn(Tint, &str) -> String,
    ) -> String {
        let mut line = String::new();
        let mut blanks = 0;
        let mut taken = 0;
        for ((cell, column), &wide) in row.iter().zip(&self.columns).zip(widths) {
            let left = columns.map_or(wide, |columns| wide.min(columns.saturating_sub(taken + blanks)));
            let text = cut(&cell.text, left);
            let padding = left.saturating_sub(width(&text));
            if column.right {
                blanks += padding;
            }
            if !text.is_empty() {
                taken += blanks + width(&text);
                line.extend(std::iter::repeat_n(' ', blanks));
                line.push_str(&tinted(cell.tint, &text));
                blanks = 0;
            }
            // Blanks are written only before something: no line ends in them.
            blanks += GAP + if column.right { 0 } else { padding };
        }
        line
    }

    /// How wide each column is, so that all of them fit.
    fn widths(&self, columns: Option<usize>) -> Vec<usize> {
        let cells = |at: usize| self.rows.iter().filter_map(move |row| row.get(at));
        let of_column = |(at, column): (usize, &Column)| {
            cells(at).map(|cell| width(&cell.text)).chain([width(column.title)]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(of_column).collect();
        let Some(columns) = columns else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        // The widest gives first.
        while widths.iter().sum::<usize>() + gaps > columns {
            let shrinking = self.columns.iter().zip(&mut widths);
            let shrinking =
                shrinking.filter(|(column, wide)| column.least.is_some_and(|least| least < **wide));
            match shrinking.max_by_key(|(_, wide)| **wide) {
                Some((_, wide)) => *wide -= 1,
                None => break,
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(columns: Option<usize>) -> Vec<String> {
        let mut table =
            Table::new([Column::shrinking("FILE", 8), Column::right("USED"), Column::shrinking("DAMAGE", 6)]);
        let row = |file: &str, used: &str, damage: &str| {
            vec![Cell::plain(file), Cell::plain(used), Cell::plain(damage)]
        };
        table.push(row("counter_4711.db", "72", ""));
        table.push(row(
            "gauge_livemostrecent_4711.db",
            "65536",
            "at 8: the key is cut off or its length is wrong",
        ));
        let widths = table.widths(columns);
        table.rows.iter().map(|row| table.line(row, &widths, columns, |_, text| text.to_owned())).collect()
    }

    #[test]
    fn nothing_is_cut_where_nobody_looks_at_a_terminal() {
        assert_eq!(
            lines(None),
            [
                "counter_4711.db                  72",
                "gauge_livemostrecent_4711.db  65536  at 8: the key is cut off or its length is wrong",
            ]
        );
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        for columns in 0..120 {
            for line in lines(Some(columns)) {
                assert!(width(&line) <= columns, "{columns}: {line}");
            }
        }
    }
}
