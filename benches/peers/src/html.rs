//! The report for people with a browser: one page that needs nothing else.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use crate::Suite;
use crate::deed::Operation;
use crate::plot::{Line, Mark, dots, escaped, stacked};
use crate::row::Row;
use crate::scrape::STAGES;
use crate::stores::StoreKind;
use crate::table::{bar_text, nanoseconds, short, verdict, with_unit};
use crate::talk::Crowd;

/// Writes the page.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, suite: &Suite, machine: &str) -> anyhow::Result<()> {
    std::fs::write(path, page(suite, machine)).with_context(|| format!("write {}", path.display()))
}

const STYLE: &str = "
body { font: 15px/1.45 sans-serif; color: #1a1a1a; background: #fff; max-width: 1160px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 26px } h2 { font-size: 20px; margin-top: 2em } h3 { font-size: 16px; margin-bottom: .3em }
table { border-collapse: collapse; font-size: 14px } th, td { padding: 3px 10px; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #888 } td { border-bottom: 1px solid #ddd } td.n { text-align: right; white-space: nowrap }
td.w { white-space: nowrap } td.yes { color: #00604a; font-weight: bold; white-space: nowrap } td.no { color: #a33b00; font-weight: bold; white-space: nowrap }
svg { max-width: 100%; height: auto; display: block } p.note { color: #444; max-width: 52em } .scroll { overflow-x: auto }
";

fn page(suite: &Suite, machine: &str) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>multiprom: the benchmark</title><style>{STYLE}</style>\n<h1>multiprom: the comparative benchmark</h1>\n\
         <p>{}</p><p class=\"note\">Medians; a bar behind a dot, or two numbers, say where the middle 80 % of the \
         measurements lie. Rivals ran in turns with ours, on the same machine, in the same run. Every number but the \
         talk's own figures was measured in this run{}.</p>\n",
        escaped(machine),
        if suite.effort.quick { ", a quick one" } else { "" },
    );
    html += &bars(&suite.rows);
    html += &updates(&suite.rows);
    html += &talk(suite);
    html += &scrapes(suite);
    html += &pages(&suite.rows);
    html += &growth(&suite.rows);
    html += &everything(&suite.rows);
    html + "</html>\n"
}

fn bars(rows: &[Row]) -> String {
    let barred: Vec<&Row> = rows.iter().filter(|row| row.bar.is_some()).collect();
    if barred.is_empty() {
        return String::new();
    }
    let held = barred.iter().filter(|row| row.holds() == Some(true)).count();
    let mut html = format!(
        "<h2>The bars: {held} of {} hold</h2>\n<div class=scroll><table><tr><th>work<th>ours<th>rival<th>ratio<th>bar<th>\n",
        barred.len()
    );
    for row in barred {
        let ours = row.value.map_or_else(|| "-".to_owned(), |value| with_unit(value, row.unit));
        let rival = row.rival.as_deref().unwrap_or_default();
        let theirs = row.rival_value.map_or_else(String::new, |value| with_unit(value, row.unit));
        let (class, word) =
            if row.holds() == Some(true) { ("yes", "holds") } else { ("no", "does not hold") };
        let bar = row.bar.map_or_else(String::new, |bar| bar_text(bar, row.unit));
        let remark = if row.reason.is_empty() {
            String::new()
        } else {
            format!("<br><small>{}</small>", escaped(&row.reason))
        };
        let _ = writeln!(
            html,
            "<tr><td>{}{remark}<td class=n>{ours}{}<td>{}<br>{theirs}<td class=n>{}<td class=w>{bar}<td class={class}>{word}",
            escaped(&row.name),
            spread(row.spread),
            escaped(rival),
            verdict(row),
        );
    }
    html + "</table></div>\n"
}

fn spread(spread: Option<[f64; 2]>) -> String {
    spread.map_or_else(String::new, |[low, high]| {
        format!("<br><small>{} .. {}</small>", short(low), short(high))
    })
}

/// Ours and every rival's on a line for each work.
fn updates(rows: &[Row]) -> String {
    let compared = |row: &&Row| {
        row.unit == "ns"
            && row.rival_value.is_some()
            && !row.name.starts_with("talk: ")
            && !row.name.starts_with("growth")
    };
    let picture = dots(&RIVALS, "ns for each update", &works(rows.iter().filter(compared)));
    section(
        "Updates beside other libraries",
        "Each line is one work; all on it ran in turns. The number in front is ours, the one behind the largest of the \
         others.",
        &picture,
    )
}

/// Who runs, as the legend of all comparisons has it.
const RIVALS: [&str; 7] = [
    "ours",
    "the line's own rival",
    "prometheus-client",
    "prometheus",
    "metrics",
    "Python's client",
    "GitLab's client (Ruby, C)",
];

/// Which of [`RIVALS`] a rival is.
fn rival_number(rival: &str) -> usize {
    match rival {
        _ if rival.contains("prometheus-client-mmap") => 6,
        _ if rival.starts_with("Python") => 5,
        _ if rival.starts_with("prometheus-client") => 2,
        _ if rival.starts_with("prometheus") => 3,
        _ if rival.starts_with("metrics") => 4,
        _ => 1,
    }
}

/// A line for each work: rows that differ only in beside whom they were measured are one.
fn works<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let work = row.name.split(", beside ").next().unwrap_or_default();
        let (Some(ours), Some(theirs), Some(rival)) = (row.value, row.rival_value, &row.rival) else {
            continue;
        };
        let other_languages = row.unit == "ns" && rival_number(rival) > 4;
        let name = shortened(work) + if other_languages { " (Python, Ruby)" } else { "" };
        let theirs = Mark { series: rival_number(rival), value: theirs, spread: row.rival_spread };
        match lines.iter_mut().find(|(known, marks)| *known == name && marks[0].value == ours) {
            Some((_, marks)) => marks.push(theirs),
            None => lines.push((name, vec![Mark { series: 0, value: ours, spread: row.spread }, theirs])),
        }
    }
    lines
}

/// Names that fit the left side of a picture.
fn shortened(name: &str) -> String {
    let replaced = [
        ("family lookup with 2 labels + inc", "lookup + inc"),
        (", kept handle", ""),
        (", 11 buckets", ""),
        (", mmap", ""),
        ("rotating over ", ""),
        (" directory", ""),
        ("two threads on distinct label sets", "2 threads, 2 sets"),
        ("8 x (1,000 counters + 200 histograms)", "8 x 1,200 series"),
        (", next scrape of 1,000 dead x 100", ", next scrape"),
    ];
    replaced.iter().fold(name.to_owned(), |name, (long, short)| name.replace(long, short))
}

fn talk(suite: &Suite) -> String {
    let mut html = String::new();
    for crowd in Crowd::ALL {
        let of_crowd: Vec<_> = suite.talk.iter().filter(|cell| cell.crowd == crowd).collect();
        if of_crowd.is_empty() {
            continue;
        }
        let legend: Vec<String> = Operation::ALL.iter().map(Operation::to_string).collect();
        let lines: Vec<Line> = StoreKind::ALL
            .iter()
            .map(|&store| {
                let cells = of_crowd.iter().filter(|cell| cell.store == store);
                let marks = cells.map(|cell| Mark {
                    series: Operation::ALL.iter().position(|&it| it == cell.operation).unwrap_or(0),
                    value: cell.each.median(),
                    spread: Some(cell.each.spread()),
                });
                (store.to_string(), marks.collect())
            })
            .collect();
        let legend: Vec<&str> = legend.iter().map(|name| &**name).collect();
        let _ = write!(html, "<h3>{crowd}</h3>\n{}", dots(&legend, "ns", &lines));
        html += "<div class=scroll><table><tr><th>median / p99";
        for operation in Operation::ALL {
            let _ = write!(html, "<th>{operation}");
        }
        html += "<th>the talk (Ruby)\n";
        for store in StoreKind::ALL {
            let _ = write!(html, "<tr><td>{store}");
            for operation in Operation::ALL {
                let cell = of_crowd.iter().find(|cell| cell.store == store && cell.operation == operation);
                let text = cell.map_or_else(String::new, |cell| {
                    let (median, p99) = (nanoseconds(cell.each.median()), nanoseconds(cell.p99()));
                    format!("{median} / {p99}<br><small>{} x</small>", short(cell.ratio))
                });
                let _ = write!(html, "<td class=n>{text}");
            }
            let figure = store.talk_microseconds().map_or_else(|| "-".to_owned(), |us| format!("{us} us"));
            let _ = writeln!(html, "<td class=n>{figure}");
        }
        html += "</table></div>\n";
    }
    if html.is_empty() {
        return html;
    }
    let note = "Every store, every operation; all threads count in one label set, processes share a directory. The \
                small number is the median over that of the unsynchronised hash, which loses updates between \
                threads. p99 is of deeds timed one by one: below some 20 ns it tells about the clock.";
    let figures: Vec<Line> = StoreKind::ALL
        .iter()
        .filter_map(|store| {
            let here = suite.talk.iter().find(|cell| {
                (cell.store, cell.operation, cell.crowd) == (*store, Operation::Inc, Crowd::Threads(1))
            })?;
            let mut marks =
                vec![Mark { series: 0, value: here.each.median(), spread: Some(here.each.spread()) }];
            marks.extend(store.talk_microseconds().map(|us| Mark {
                series: 1,
                value: us * 1e3,
                spread: None,
            }));
            Some((store.to_string(), marks))
        })
        .collect();
    let chart = dots(&["here: inc, 1 thread", "the talk's figure, in Ruby"], "ns", &figures);
    section("The talk's table", note, &format!("<h3>The talk's chart</h3>\n{chart}{html}"))
}

fn scrapes(suite: &Suite) -> String {
    let whole = |row: &&Row| row.unit == "ms" && row.rival_value.is_some() && row.name.contains("scrape");
    let lines = works(suite.rows.iter().filter(whole));
    let mut html = dots(&RIVALS, "ms for each scrape", &lines);
    let parts: Vec<(String, Vec<f64>)> = suite
        .stages
        .iter()
        .map(|scrape| (shortened(&scrape.name), scrape.each.iter().map(|stage| stage.median()).collect()))
        .collect();
    html += "<h3>Where the time goes</h3>\n<p class=note>Each line is one scrape, whole from left to right.</p>\n";
    html += &stacked(&STAGES, "ms", &parts);
    if lines.is_empty() && parts.is_empty() { String::new() } else { section("Scrapes", "", &html) }
}

fn pages(rows: &[Row]) -> String {
    let written = rows.iter().filter(|row| row.name.starts_with("encode "));
    let served = rows.iter().filter(|row| row.name.starts_with("page "));
    let html = dots(&RIVALS, "ms for each page", &works(written))
        + &dots(&RIVALS, "us for each page", &works(served));
    section("Pages", "Written, and served over HTTP beside a constant body.", &html)
}

fn growth(rows: &[Row]) -> String {
    let grown = |row: &&Row| row.name.starts_with("growth of a next scrape,") && row.name.ends_with(": time");
    let mark = |row: &Row| row.value.map(|value| Mark { series: 0, value, spread: row.spread });
    let lines: Vec<Line> =
        rows.iter().filter(grown).map(|row| (row.name.clone(), mark(row).into_iter().collect())).collect();
    section(
        "Growth",
        "Next scrapes of 8 processes with 1,250, 5,000 and 20,000 records: on this scale, equal steps are equal factors.",
        &dots(&["ours"], "ms for each scrape", &lines),
    )
}

/// A section, if there is something in it.
fn section(title: &str, note: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<h2>{title}</h2>\n<p class=note>{note}</p>\n{content}\n")
}

fn everything(rows: &[Row]) -> String {
    let mut html = String::from(
        "<h2>All rows</h2>\n<details><summary>as in report.json</summary><div class=scroll><table><tr><th>row<th>value<th>\
         middle 80 %<th>rival<th>rival's<th>ratio\n",
    );
    for row in rows {
        let _ = writeln!(
            html,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td>{}<td class=n>{}<td class=n>{}",
            escaped(&row.name),
            row.value.map_or_else(|| "-".to_owned(), |value| with_unit(value, row.unit)),
            row.spread.map_or_else(String::new, |[low, high]| format!("{} .. {}", short(low), short(high))),
            escaped(row.rival.as_deref().unwrap_or_default()),
            row.rival_value.map_or_else(String::new, |value| with_unit(value, row.unit)),
            row.ratio().map_or_else(String::new, short),
        );
    }
    html + "</table></div></details>\n"
}
