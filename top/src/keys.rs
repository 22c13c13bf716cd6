//! Which key does what.

use crate::view::{Mode, View};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What keys do, as it is shown.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("↑ ↓, j k, PgUp PgDn, Home End", "select a row"),
    ("Enter, →", "show only what is in it"),
    ("Backspace, ←", "show what is around that again"),
    ("s", "order: as a tree, by age, by polls, by busy time"),
    ("/", "filter: words that must all be in a row; Enter keeps it, Esc drops it"),
    ("w", "go to what it waits for"),
    ("c", "go to the next of those who wait for each other"),
    ("d", "show or hide all that is known of it"),
    ("p, space", "pause, go on"),
    ("q, Ctrl-C", "end"),
];

/// How many rows a page has.
const PAGE: isize = 10;

/// Does what a key says. Returns whether it says that this is the end.
pub(crate) fn press(view: &mut View, event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return false };
    if *kind == KeyEventKind::Release {
        return false;
    }
    if modifiers.contains(KeyModifiers::CONTROL) {
        return *code == KeyCode::Char('c');
    }
    match view.mode {
        Mode::Rows => return in_rows(view, *code),
        Mode::Filter => in_filter(view, *code),
        Mode::Help => view.mode = Mode::Rows,
    }
    false
}

fn in_rows(view: &mut View, key: KeyCode) -> bool {
    match key {
        KeyCode::Char('q') => return true,
        KeyCode::Up | KeyCode::Char('k') => view.move_by(-1),
        KeyCode::Down | KeyCode::Char('j') => view.move_by(1),
        KeyCode::PageUp => view.move_by(-PAGE),
        KeyCode::PageDown => view.move_by(PAGE),
        KeyCode::Home => view.select(0),
        KeyCode::End => view.select(usize::MAX),
        KeyCode::Enter | KeyCode::Right => view.go_in(),
        KeyCode::Backspace | KeyCode::Left => view.go_out(),
        // One thing after the other, until all is shown.
        KeyCode::Esc if !view.filter.is_empty() => view.change_filter(String::clear),
        KeyCode::Esc => view.go_out(),
        KeyCode::Char('s') => view.change_sort(),
        KeyCode::Char('/') => view.mode = Mode::Filter,
        KeyCode::Char('w') => view.go_to_what_it_waits_for(),
        KeyCode::Char('c') => view.go_to_circle(),
        KeyCode::Char('d') => view.is_detailed = !view.is_detailed,
        KeyCode::Char('p' | ' ') => view.is_paused = !view.is_paused,
        KeyCode::Char('?' | 'h') => view.mode = Mode::Help,
        _ => {}
    }
    false
}

fn in_filter(view: &mut View, key: KeyCode) {
    match key {
        KeyCode::Enter => view.mode = Mode::Rows,
        KeyCode::Esc => {
            view.mode = Mode::Rows;
            view.change_filter(String::clear);
        }
        KeyCode::Backspace => view.change_filter(|filter| {
            filter.pop();
        }),
        KeyCode::Char(c) => view.change_filter(|filter| filter.push(c)),
        KeyCode::Up => view.move_by(-1),
        KeyCode::Down => view.move_by(1),
        _ => {}
    }
}
