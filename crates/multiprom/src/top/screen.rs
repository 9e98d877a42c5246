//! The screen: what is on it, and what keys do to it.

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::sampler::Sample;
use super::view::{Item, View, summary};
use crate::inside::output::Tint;
use crate::inside::table::Table;
use crate::inside::text::{cut, cut_sentence, visible};

/// See the head of this file.
pub(super) struct Screen {
    /// What is watched, for people.
    name: String,
    /// Whether colours are wanted.
    colour: bool,
    view: View,
    /// Whether keys are letters of the filter.
    typing: bool,
    paused: bool,
    /// The first row on the screen.
    first: usize,
    /// How many rows the screen had last.
    page: usize,
    sample: Option<Sample>,
    /// Why there is nothing newer.
    error: Option<String>,
}

/// Whether to go on after a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    GoOn,
    Quit,
}

impl Screen {
    pub(super) fn new(name: &str, view: View, colour: bool) -> Screen {
        let name = visible(name.as_bytes());
        let (typing, paused) = (false, false);
        Screen { name, colour, view, typing, paused, first: 0, page: 1, sample: None, error: None }
    }

    /// Takes what was read, or why it could not be.
    pub(super) fn take(&mut self, sampled: Result<Sample, String>) {
        if self.paused {
            return;
        }
        match sampled {
            Ok(sample) => (self.sample, self.error) = (Some(sample), None),
            Err(error) => self.error = Some(visible(error.as_bytes())),
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> After {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return After::Quit;
        }
        if self.typing {
            self.type_key(key.code, control);
            return After::GoOn;
        }
        match key.code {
            KeyCode::Char('q' | 'Q') => return After::Quit,
            KeyCode::Char('w') => (self.view.workers, self.first) = (!self.view.workers, 0),
            KeyCode::Char('s') => (self.view.sort, self.first) = (self.view.sort.next(), 0),
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => self.view.filter.clear(),
            KeyCode::Up | KeyCode::Char('k') => self.first = self.first.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.first = self.first.saturating_add(1),
            KeyCode::PageUp => self.first = self.first.saturating_sub(self.page),
            KeyCode::PageDown => self.first = self.first.saturating_add(self.page),
            KeyCode::Home => self.first = 0,
            KeyCode::End => self.first = usize::MAX,
            _ => {}
        }
        After::GoOn
    }

    fn type_key(&mut self, code: KeyCode, control: bool) {
        self.first = 0;
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.view.filter.clear();
            }
            KeyCode::Backspace => drop(self.view.filter.pop()),
            KeyCode::Char('u') if control => self.view.filter.clear(),
            KeyCode::Char(letter) if !control => self.view.filter.push(letter),
            _ => {}
        }
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let lines = [Constraint::Length(2), Constraint::Min(0), Constraint::Length(1)];
        let [head, body, foot] = Layout::vertical(lines).areas(frame.area());
        self.draw_head(frame, head);
        self.draw_body(frame, body);
        self.draw_foot(frame, foot);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let columns = usize::from(area.width);
        let paused = if self.paused { "  PAUSED" } else { "" };
        let title = Line::from(vec![
            Span::styled("multiprom top  ", self.style(Tint::Bold)),
            Span::raw(cut(&self.name, columns.saturating_sub(15 + paused.len()))),
            Span::styled(paused, self.style(Tint::Odd)),
        ]);
        let state = match (&self.error, &self.sample) {
            (Some(error), _) => Line::styled(cut_sentence(error, columns), self.style(Tint::Bad)),
            (None, Some(sample)) => Line::raw(cut_sentence(&summary(sample), columns)),
            (None, None) => Line::raw("reading ..."),
        };
        frame.render_widget(Paragraph::new(vec![title, state]), area);
    }

    fn draw_body(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let Some(sample) = &self.sample else { return };
        let items = self.view.order(sample);
        self.page = usize::from(area.height).saturating_sub(1).max(1);
        self.first = self.first.min(items.len().saturating_sub(self.page));
        let mut table = Table::new(self.view.columns());
        items.iter().skip(self.first).take(self.page).for_each(|item: &Item<'_>| table.push(item.cells()));
        let rows = table.lines(Some(usize::from(area.width)));
        let line = |pieces: Vec<(String, Tint)>| {
            Line::from(
                pieces
                    .into_iter()
                    .map(|(text, tint)| Span::styled(text, self.style(tint)))
                    .collect::<Vec<_>>(),
            )
        };
        frame.render_widget(Paragraph::new(rows.into_iter().map(line).collect::<Vec<_>>()), area);
    }

    fn draw_foot(&self, frame: &mut Frame<'_>, area: Rect) {
        let filter = visible(self.view.filter.as_bytes());
        let text = if self.typing {
            format!("/{filter}_   Enter keeps the filter, Esc drops it")
        } else {
            let other = if self.view.workers { "series" } else { "workers" };
            let pause = if self.paused { "go on" } else { "pause" };
            let filter = if filter.is_empty() { "filter".to_owned() } else { format!("filter: {filter}") };
            format!("q quit  w {other}  s sorted by {}  p {pause}  / {filter}", self.view.sort.word())
        };
        let text = cut(&text, usize::from(area.width));
        frame.render_widget(Paragraph::new(Line::styled(text, self.style(Tint::Dim))), area);
    }

    fn style(&self, tint: Tint) -> Style {
        let plain = Style::new();
        let coloured = |colour: Color| if self.colour { plain.fg(colour) } else { plain };
        match tint {
            Tint::Plain => plain,
            Tint::Bold => plain.add_modifier(Modifier::BOLD),
            Tint::Dim => plain.add_modifier(Modifier::DIM),
            Tint::Good => coloured(Color::Green),
            Tint::Odd => coloured(Color::Yellow),
            Tint::Bad => coloured(Color::Red),
        }
    }
}

#[cfg(test)]
mod tests;
