//! Tables that fit a terminal: no row is wrapped, long texts lose their middle, and where that is not enough columns
//! are left out. Sentences stand below their rows where there is no room for them.

use super::output::{Output, Tint};
use super::text::{cut, cut_series, width};

/// A table being filled.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// How a column is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    /// Numbers stand at the right.
    right: bool,
    /// How narrow it may become where the table is too wide; none: as wide as its texts.
    least: Option<usize>,
    /// How wide it is at least where the table is not too wide.
    usual: usize,
    /// Which column is left out first where the table is too wide all the same: the one with the greatest number.
    /// Those with 0 stay.
    dropped: u8,
    /// Whether its texts stand below their rows where the table is too wide.
    below: bool,
    /// How a text is made shorter.
    cut: fn(&str, usize) -> String,
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
        Column { title, right: false, least: None, usual: 0, dropped: 0, below: false, cut }
    }

    pub(crate) const fn right(title: &'static str) -> Column {
        Column { right: true, ..Column::left(title) }
    }

    pub(crate) const fn shrinking(title: &'static str, least: usize) -> Column {
        Column { least: Some(least), ..Column::left(title) }
    }

    /// So wide also where its texts are shorter: columns of a live view stand still.
    pub(crate) const fn usually(self, usual: usize) -> Column {
        Column { usual, ..self }
    }

    /// Its texts are sentences, which say nothing without their middle.
    pub(crate) const fn sentence(title: &'static str) -> Column {
        Column { below: true, ..Column::left(title) }
    }

    /// Its texts are names of series with their labels.
    pub(crate) const fn series(title: &'static str, least: usize) -> Column {
        Column { cut: cut_series, ..Column::shrinking(title, least) }
    }

    /// Left out where there is no room for it, the one with the greatest number first.
    pub(crate) const fn dropped(self, dropped: u8) -> Column {
        Column { dropped, ..self }
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

/// A column in its place on a line.
struct Place<'a> {
    /// Which of the table's columns.
    at: usize,
    column: &'a Column,
    wide: usize,
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
        let too_wide =
            out.columns.is_some_and(|columns| sum(&self.places(None, None), |it| it.wide) > columns);
        let below = self.columns.iter().position(|column| column.below).filter(|_| too_wide);
        let rows = self.lines_without(below, out.columns);
        let none: &[Vec<Cell>] = &[Vec::new()];
        for (line, row) in rows.iter().zip(none.iter().chain(&self.rows)) {
            let line: String = line.iter().map(|(text, tint)| out.tinted(*tint, text)).collect();
            out.line(&line)?;
            if let Some(cell) = below.and_then(|at| row.get(at)).filter(|cell| !cell.text.is_empty()) {
                out.paragraph(&[("    ", Tint::Plain), (&cell.text, cell.tint)])?;
            }
        }
        Ok(())
    }

    /// The titles and the rows, in pieces of one colour, none wider than so many columns.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<Vec<(String, Tint)>> {
        self.lines_without(None, columns)
    }

    fn lines_without(&self, left_out: Option<usize>, columns: Option<usize>) -> Vec<Vec<(String, Tint)>> {
        let places = self.places(left_out, columns);
        let titles = self.columns.iter().map(|column| Cell::tinted(column.title, Tint::Bold)).collect();
        [&titles].into_iter().chain(&self.rows).map(|row| line(row, &places, columns)).collect()
    }

    /// Which columns there is room for, and how wide each is.
    fn places(&self, left_out: Option<usize>, columns: Option<usize>) -> Vec<Place<'_>> {
        let cells = |at: usize| self.rows.iter().filter_map(move |row| row.get(at));
        let widest = |at: usize| cells(at).map(|cell| width(&cell.text)).max().unwrap_or(0);
        let place =
            |(at, column): (usize, &'_ Column)| (at, widest(at).max(width(column.title)).max(column.usual));
        let widths = self.columns.iter().enumerate().map(place);
        let mut places: Vec<Place<'_>> =
            widths.zip(&self.columns).map(|((at, wide), column)| Place { at, column, wide }).collect();
        places.retain(|place| Some(place.at) != left_out);
        let Some(columns) = columns else { return places };
        let least = |place: &Place<'_>| place.column.least.unwrap_or(place.wide).min(place.wide);
        while sum(&places, least) > columns {
            let last = places.iter().enumerate().max_by_key(|(_, place)| place.column.dropped);
            match last {
                Some((at, place)) if place.column.dropped > 0 => drop(places.remove(at)),
                _ => break,
            }
        }
        // The widest gives first.
        while sum(&places, |place| place.wide) > columns {
            let shrinking =
                places.iter_mut().filter(|place| place.column.least.is_some_and(|it| it < place.wide));
            match shrinking.max_by_key(|place| place.wide) {
                Some(place) => place.wide -= 1,
                None => break,
            }
        }
        places
    }
}

/// How wide a line is whose columns are so wide.
fn sum(places: &[Place<'_>], wide: impl Fn(&Place<'_>) -> usize) -> usize {
    places.iter().map(wide).sum::<usize>() + GAP * places.len().saturating_sub(1)
}

fn line(row: &[Cell], places: &[Place<'_>], columns: Option<usize>) -> Vec<(String, Tint)> {
    let mut line = Vec::new();
    let mut blanks = 0;
    let mut taken = 0;
    for Place { at, column, wide } in places {
        let Some(cell) = row.get(*at) else { continue };
        let left = columns.map_or(*wide, |columns| columns.saturating_sub(taken + blanks).min(*wide));
        let text = (column.cut)(&cell.text, left);
        let padding = left.saturating_sub(width(&text));
        if column.right {
            blanks += padding;
        }
        if !text.is_empty() {
            taken += blanks + width(&text);
            line.push((" ".repeat(blanks), Tint::Plain));
            line.push((text, cell.tint));
            blanks = 0;
        }
        // Blanks are written only before something: no line ends in them.
        blanks += GAP + if column.right { 0 } else { padding };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(columns: Option<usize>) -> Vec<String> {
        let mut table = Table::new([
            Column::shrinking("FILE", 8),
            Column::right("USED"),
            Column::left("KIND").dropped(1),
            Column::shrinking("DAMAGE", 6),
        ]);
        let row = |texts: [&str; 4]| texts.map(Cell::plain).into();
        table.push(row(["counter_4711.db", "72", "counter", ""]));
        let damage = "at 8: the key is cut off or its length is wrong";
        table.push(row(["gauge_livemostrecent_4711.db", "65536", "gauge", damage]));
        let text = |line: Vec<(String, Tint)>| line.into_iter().map(|(text, _)| text).collect();
        table.lines(columns).into_iter().skip(1).map(text).collect()
    }

    #[test]
    fn nothing_is_cut_where_nobody_looks_at_a_terminal() {
        assert_eq!(
            lines(None),
            [
                "counter_4711.db                  72  counter",
                "gauge_livemostrecent_4711.db  65536  gauge    at 8: the key is cut off or its length is wrong",
            ]
        );
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        assert_eq!(
            lines(Some(50)),
            ["counter_4711.db      72  counter", "gauge_li…4711.db  65536  gauge    at 8: th…s wrong"]
        );
        assert_eq!(lines(Some(30)), ["count…11.db     72", "gauge…11.db  65536  at 8:…rong"]);
        for columns in 0..120 {
            for line in lines(Some(columns)) {
                assert!(width(&line) <= columns, "{columns}: {line}");
            }
        }
    }
}
