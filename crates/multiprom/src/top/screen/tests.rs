use std::time::Duration;

use exposition::{Syntax, parse};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::top::lives::ByProcess;
use crate::top::meter::{meters, rows};
use crate::top::worker::workers;

/// What stands on a screen of this size.
fn shown(screen: &mut Screen, columns: u16, lines: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..lines).map(|y| line(y).trim_end().to_owned()).collect()
}

/// A screen one second after a page was read again.
fn screen(before: &str, after: &str) -> Screen {
    let read = |page: &str| meters(&parse(Syntax::Text1, page.as_bytes()).unwrap());
    let rows = rows(Some((&read(before), Duration::from_secs(1))), &read(after));
    let workers = workers(rows.clone(), &[], &ByProcess::default());
    let mut screen = Screen::new("/run/shop/metrics", View::default(), true);
    screen.take(Ok(Sample { rows, workers, files: 2, damaged_files: 1 }));
    screen
}

const BEFORE: &str = "\
# TYPE served_total counter
served_total{path=\"/\",pid=\"7\"} 10
served_total{path=\"/\",pid=\"8\"} 10
# TYPE wait_seconds summary
wait_seconds_sum{pid=\"7\"} 1
wait_seconds_count{pid=\"7\"} 10
# TYPE depth gauge
depth{pid=\"7\"} 5
";

const AFTER: &str = "\
# TYPE served_total counter
served_total{path=\"/\",pid=\"7\"} 12
served_total{path=\"/\",pid=\"8\"} 30
# TYPE wait_seconds summary
wait_seconds_sum{pid=\"7\"} 1.02
wait_seconds_count{pid=\"7\"} 20
# TYPE depth gauge
depth{pid=\"7\"} 2
";

fn press(screen: &mut Screen, keys: &str) -> After {
    let mut after = After::GoOn;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            letter => KeyCode::Char(letter),
        };
        after = screen.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    after
}

#[test]
fn what_counts_is_sorted_by_rate_and_gauges_behind_it() {
    assert_eq!(
        shown(&mut screen(BEFORE, AFTER), 80, 9),
        [
            "multiprom top  /run/shop/metrics",
            "2 workers (2 unknown), 2 files, 1 damaged, 4 series, 32.00 counted a second",
            " RATE/s    VALUE     MEAN  KIND       SERIES",
            "  20.00       30           counter    served_total{path=\"/\",pid=\"8\"}",
            "  10.00       20    2.0ms  summary    wait_seconds{pid=\"7\"}",
            "   2.00       12           counter    served_total{path=\"/\",pid=\"7\"}",
            "  -3.00        2           gauge      depth{pid=\"7\"}",
            "",
            "q quit  w workers  s sorted by rate  p pause  / filter",
        ]
    );
}

#[test]
fn workers_show_what_they_are_busy_with() {
    let mut screen = screen(BEFORE, AFTER);
    press(&mut screen, "w");
    let lines = shown(&mut screen, 80, 6);
    assert_eq!(
        lines[2..5],
        [
            " RATE/s  WRITER   SERIES  PROCESS     BUSIEST",
            "  20.00  unknown       1  8           served_total{path=\"/\"}",
            "  12.00  unknown       3  7           wait_seconds",
        ]
    );
    assert_eq!(lines[5], "q quit  w series  s sorted by rate  p pause  / filter");
}

#[test]
fn a_filter_is_typed_and_dropped() {
    let mut screen = screen(BEFORE, AFTER);
    press(&mut screen, "/DEPq");
    assert!(shown(&mut screen, 80, 8)[7].starts_with("/DEPq_"));
    screen.key(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE));
    press(&mut screen, "\n");
    let lines = shown(&mut screen, 80, 8);
    assert_eq!(lines[3], "  -3.00        2           gauge      depth{pid=\"7\"}");
    assert_eq!((&*lines[4], &*lines[7]), ("", "q quit  w workers  s sorted by rate  p pause  / filter: DEP"));
    press(&mut screen, "\u{1b}");
    assert!(shown(&mut screen, 80, 8)[4].contains("wait_seconds"));
}

#[test]
fn a_paused_screen_stays_as_it_is() {
    let mut screen = screen(BEFORE, AFTER);
    press(&mut screen, "p");
    screen.take(Err("gone".to_owned()));
    screen.take(Ok(Sample::default()));
    let lines = shown(&mut screen, 80, 8);
    assert!(lines[0].ends_with("PAUSED") && lines[3].contains("served_total"), "{lines:?}");
    press(&mut screen, "p");
    screen.take(Err("list /run/shop/metrics: No such file or directory\u{1b}".to_owned()));
    let lines = shown(&mut screen, 80, 8);
    // What was read before stays, under the reason why there is nothing newer.
    assert_eq!(lines[1], "list /run/shop/metrics: No such file or directory\\u{1b}");
    assert!(lines[3].contains("served_total"), "{lines:?}");
}

#[test]
fn only_q_and_control_c_quit() {
    let mut screen = screen(BEFORE, AFTER);
    assert_eq!(press(&mut screen, "wsp/q\n"), After::GoOn);
    assert_eq!(press(&mut screen, "q"), After::Quit);
    press(&mut screen, "/");
    assert_eq!(screen.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), After::Quit);
}

#[test]
fn any_size_of_screen_will_do() {
    let mut screen = screen(BEFORE, AFTER);
    for columns in 1..90 {
        for lines in 1..12 {
            screen.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
            shown(&mut screen, columns, lines);
        }
        press(&mut screen, "w");
    }
}
