//! Pictures as SVG text: dots on a logarithmic scale, and stacked bars.

use std::fmt::Write;

use crate::table::short;

/// Colours that are told apart in print and by the colour-blind (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"];

/// Where the first line begins, below the legend.
const TOP: f64 = 40.0;
/// Height of a line.
const LINE: f64 = 24.0;
/// Where the scale begins and ends, and how wide the picture is.
const LEFT: f64 = 430.0;
const RIGHT: f64 = 1060.0;
const WIDTH: f64 = 1120.0;
/// Room for the number in front of the scale.
const NUMBERS: f64 = 60.0;

/// A mark: whose, the value, and between what it was measured.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Which entry of the legend it belongs to.
    pub series: usize,
    /// The value; above 0.
    pub value: f64,
    /// Low and high.
    pub spread: Option<[f64; 2]>,
}

/// A line of a picture: a name and its marks.
pub type Line = (String, Vec<Mark>);

/// A dot for every mark on a logarithmic scale, with a bar for its spread.
pub fn dots(legend: &[&str], unit: &str, lines: &[Line]) -> String {
    let values = lines.iter().flat_map(|(_, marks)| marks).flat_map(|mark| {
        let [low, high] = mark.spread.unwrap_or([mark.value; 2]);
        [low, mark.value, high]
    });
    let values: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(0.0, f64::max);
    if values.is_empty() {
        return String::new();
    }
    let (first, last) = (lowest.log10().floor(), (highest * 1.000_1).log10().ceil());
    let last = if last > first { last } else { first + 1.0 };
    let x = |value: f64| LEFT + (value.max(1e-12).log10() - first) / (last - first) * (RIGHT - LEFT);

    let bottom = TOP + lines.len() as f64 * LINE;
    let mut svg = open(bottom + 34.0, legend);
    for decade in first as i32..=last as i32 {
        let at = x(10f64.powi(decade));
        let _ = write!(svg, r##"<line x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{bottom}" stroke="#ccc"/>"##);
        let text = axis(10f64.powi(decade));
        let _ =
            write!(svg, r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#, bottom + 16.0);
    }
    let _ = write!(
        svg,
        r#"<text x="{RIGHT}" y="{:.1}" text-anchor="end">{}, logarithmic</text>"#,
        bottom + 31.0,
        escaped(unit)
    );
    for (number, (name, marks)) in lines.iter().enumerate() {
        let middle = TOP + (number as f64 + 0.5) * LINE;
        begin_line(&mut svg, name, NUMBERS, middle, number);
        // The first lies on top.
        for mark in marks.iter().rev().filter(|mark| mark.value.is_finite() && mark.value > 0.0) {
            let colour = COLOURS[mark.series % COLOURS.len()];
            if let Some([low, high]) = mark.spread {
                let _ = write!(
                    svg,
                    r#"<line x1="{:.1}" y1="{middle:.1}" x2="{:.1}" y2="{middle:.1}" stroke="{colour}" stroke-width="3" stroke-opacity="0.45"/>"#,
                    x(low),
                    x(high),
                );
            }
            let _ = write!(
                svg,
                r#"<circle cx="{:.1}" cy="{middle:.1}" r="5" fill="{colour}"><title>{}: {} {}</title></circle>"#,
                x(mark.value),
                escaped(legend.get(mark.series).copied().unwrap_or_default()),
                short(mark.value),
                escaped(unit),
            );
        }
        // Numbers beside every dot would lie on each other: the first mark has its number in front, the largest
        // one behind.
        if let Some(first) = marks.first() {
            let _ = write!(
                svg,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="end" fill="{}" font-weight="bold">{}</text>"#,
                LEFT - 10.0,
                middle + 4.0,
                COLOURS[first.series % COLOURS.len()],
                short(first.value),
            );
        }
        let right = |mark: &Mark| mark.spread.map_or(mark.value, |[_, high]| high.max(mark.value));
        let rightmost = marks.iter().map(right).fold(0.0, f64::max);
        if let Some(largest) = marks.iter().skip(1).max_by(|a, b| a.value.total_cmp(&b.value)) {
            let _ = write!(
                svg,
                r##"<text x="{:.1}" y="{:.1}" fill="#555">{}</text>"##,
                x(rightmost) + 9.0,
                middle + 4.0,
                short(largest.value),
            );
        }
    }
    svg + "</svg>"
}

/// Bars of parts, one behind the other, each line on a scale of its own from nothing to its whole.
pub fn stacked(legend: &[&str], unit: &str, lines: &[(String, Vec<f64>)]) -> String {
    let whole = |parts: &[f64]| parts.iter().sum::<f64>();
    if lines.is_empty() {
        return String::new();
    }
    let right = RIGHT - 70.0;
    let mut svg = open(TOP + lines.len() as f64 * LINE + 10.0, legend);
    for (number, (name, parts)) in lines.iter().enumerate() {
        let middle = TOP + (number as f64 + 0.5) * LINE;
        begin_line(&mut svg, name, 0.0, middle, number);
        let mut at = LEFT;
        for (part, value) in parts.iter().enumerate() {
            let width = value / whole(parts).max(f64::MIN_POSITIVE) * (right - LEFT);
            let _ = write!(
                svg,
                r#"<rect x="{at:.1}" y="{:.1}" width="{width:.1}" height="16" fill="{}"><title>{}: {} {}</title></rect>"#,
                middle - 8.0,
                COLOURS[part % COLOURS.len()],
                escaped(legend.get(part).copied().unwrap_or_default()),
                short(*value),
                escaped(unit),
            );
            if width > 42.0 {
                let _ = write!(
                    svg,
                    r##"<text x="{:.1}" y="{:.1}" text-anchor="middle" fill="#fff" font-size="11">{}</text>"##,
                    at + width / 2.0,
                    middle + 4.0,
                    short(*value),
                );
            }
            at += width;
        }
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}">{} {}</text>"#,
            right + 8.0,
            middle + 4.0,
            short(whole(parts)),
            escaped(unit),
        );
    }
    svg + "</svg>"
}

fn open(height: f64, legend: &[&str]) -> String {
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" width="{WIDTH}" height="{height:.0}" role="img" font-family="sans-serif" font-size="13">"#,
    );
    let mut at = 8.0;
    let mut line = 18.0;
    for (number, name) in legend.iter().enumerate() {
        let width = 30.0 + name.chars().count() as f64 * 7.2;
        if at + width > WIDTH {
            (at, line) = (8.0, line + 20.0);
        }
        let colour = COLOURS[number % COLOURS.len()];
        let _ = write!(svg, r#"<circle cx="{:.1}" cy="{:.1}" r="6" fill="{colour}"/>"#, at + 6.0, line - 4.0);
        let _ = write!(svg, r#"<text x="{:.1}" y="{line}">{}</text>"#, at + 18.0, escaped(name));
        at += width;
    }
    svg
}

/// The name of a line, `room` before the scale; every second line is shaded.
fn begin_line(svg: &mut String, name: &str, room: f64, middle: f64, number: usize) {
    if number.is_multiple_of(2) {
        let _ = write!(
            svg,
            r##"<rect x="0" y="{:.1}" width="{WIDTH}" height="{LINE}" fill="#f4f6f8" style="mix-blend-mode:multiply"/>"##,
            middle - LINE / 2.0,
        );
    }
    let _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
        LEFT - 10.0 - room,
        middle + 4.0,
        escaped(name),
    );
}

/// A power of ten as an axis has it.
fn axis(value: f64) -> String {
    match value {
        large if large >= 1e6 => format!("{} M", large / 1e6),
        large if large >= 1e3 => format!("{} k", large / 1e3),
        _ => format!("{value}"),
    }
}

/// Text as HTML and SVG have it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenfold_value_stands_as_far_right_as_the_one_before() {
        let mark = |value| Mark { series: 0, value, spread: None };
        let svg = dots(&["ours"], "ns", &[("a".to_owned(), vec![mark(1.0), mark(10.0), mark(100.0)])]);
        let centres: Vec<f64> = svg
            .split("<circle cx=\"")
            .skip(2) // The first is of the legend.
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        let [a, b, c] = centres[..] else { panic!("{svg}") };
        assert!(((b - a) - (c - b)).abs() < 0.2, "{a} {b} {c}");
    }

    #[test]
    fn names_cannot_break_the_picture() {
        let svg = stacked(&["<&>"], "ms", &[("\"<\"".to_owned(), vec![1.0])]);
        assert!(svg.contains("&lt;&amp;&gt;") && svg.contains("&quot;&lt;&quot;"));
    }

    #[test]
    fn what_was_not_measured_draws_nothing() {
        assert_eq!(dots(&["ours"], "ns", &[("a".to_owned(), Vec::new())]), "");
    }
}
