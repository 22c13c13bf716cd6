//! How it looks. Knows no terminal.

use crate::{
    keys::HELP,
    text::{plain, time},
    tree::{Row as Seen, Tree},
    view::{Mode, Sort, View},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph, Row, Table, TableState, Wrap},
};
use serde_json::Value;

/// How long a name may be in a row, and a text about it.
const NAME: usize = 120;
const TEXT: usize = 300;
/// How many of those who wait for each other are shown, and of those who wait for one.
const CIRCLE: usize = 6;
const WAITERS: usize = 5;
/// How many facts about a row are shown.
const FACTS: usize = 100;
/// How far rows are moved to the right at most.
const INDENT: usize = 30;

pub(crate) fn draw(frame: &mut Frame<'_>, view: &mut View) {
    let circle = circle(&view.tree);
    let detail = if view.is_detailed { detail(view) } else { Vec::new() };
    let height = frame.area().height;
    let [head, path, verdict, rows, facts, keys] = frame.area().layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length((circle.len() as u16).min(height / 3)),
        Constraint::Min(3),
        // The rows are what it is about.
        Constraint::Length(if detail.is_empty() {
            0
        } else {
            (detail.len() as u16 + 1).min(height / 3)
        }),
        Constraint::Length(1),
    ]));
    frame.render_widget(summary(view), head);
    frame.render_widget(place_in_tree(view), path);
    frame.render_widget(Paragraph::new(circle).red(), verdict);
    draw_rows(frame, view, rows);
    let line = Block::new().borders(Borders::TOP).dim();
    frame.render_widget(Paragraph::new(detail).wrap(Wrap { trim: false }).block(line), facts);
    frame.render_widget(prompt(view), keys);
    if view.mode == Mode::Help {
        draw_help(frame);
    }
}

fn summary(view: &View) -> Line<'_> {
    let Tree { program, pid, age, left_out, rows, .. } = &view.tree;
    let mut line = Line::default();
    if view.has_seen {
        line.push_span(format!("{} ({pid})", plain(program, NAME)).bold());
        let scopes = rows.iter().filter(|row| row.is_scope()).count();
        line.push_span(format!("  {scopes} scopes, {} children", rows.len() - scopes));
        if *left_out > 0 {
            line.push_span(format!(", {left_out} more are not sent"));
        }
        line.push_span(format!(", for {}  ", time(*age)));
    } else {
        line.push_span(format!("{}  ", plain(&view.place, NAME)).bold());
    }
    line.push_span(match &view.lost {
        Some(why) => format!("lost ({}), trying again", plain(why, NAME)).red(),
        None if view.is_paused => "paused".yellow(),
        None if view.has_seen => "live".green(),
        None => "looking".dim(),
    });
    line
}

fn place_in_tree(view: &View) -> Line<'_> {
    let mut line = Line::from(vec![Span::from(view.sort.name()).dim()]);
    if !view.filter.is_empty() && view.mode != Mode::Filter {
        line.push_span(format!("  /{}", plain(&view.filter, NAME)).yellow());
    }
    for (at, row) in view.path().into_iter().enumerate() {
        line.push_span(if at == 0 { "  in " } else { " › " }.dim());
        line.push_span(plain(&row.title(), 40));
    }
    line
}

fn circle(tree: &Tree) -> Vec<Line<'static>> {
    let Tree { circle, others, .. } = tree;
    if circle.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::from("Each waits for the next, for ever:".bold())];
    lines.extend(circle.iter().take(CIRCLE).map(|stuck| {
        Line::from(format!(
            "· {} waits for {}",
            plain(&stuck.who, NAME),
            plain(&stuck.waits_for, NAME)
        ))
    }));
    let more = circle.len().saturating_sub(CIRCLE);
    if more > 0 || *others > 0 {
        let more = if more > 0 { format!("{more} more; ") } else { String::new() };
        lines.push(Line::from(format!("{more}{others} wait for these")));
    }
    lines
}

fn draw_rows(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    if view.rows().len() == 0 {
        let text = match view.tree.rows.is_empty() {
            _ if !view.has_seen => "",
            true => "nothing runs",
            false => "nothing is found",
        };
        frame.render_widget(Paragraph::new(text).dim(), area);
        return;
    }
    // Only those that are seen are put into words: there may be many.
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let first = view.scroll(height);
    let rows = view.rows().skip(first).take(height).map(|row| {
        let mut cells = vec![what(view, row)];
        let polls = row.number("polls").map_or("–".into(), |polls| polls.to_string());
        for cell in [time(row.seconds("age")), polls, time(row.seconds("busy"))] {
            cells.push(Line::from(cell).right_aligned());
        }
        cells.push(Line::from(plain(&row.waits_for(), NAME)));
        Row::new(cells)
    });
    let head =
        ["what", "age", "polls", "busy", "waits for"].into_iter().enumerate().map(|(at, name)| {
            let line = Line::from(name);
            if (1..4).contains(&at) { line.right_aligned() } else { line }
        });
    let widths = [
        Constraint::Fill(5),
        Constraint::Length(11),
        Constraint::Length(9),
        Constraint::Length(11),
        Constraint::Fill(4),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(head).dim())
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(view.position() - first);
    frame.render_stateful_widget(table, area, &mut state);
}

fn what<'a>(view: &View, row: &'a Seen) -> Line<'a> {
    let title = plain(&row.title(), NAME);
    let mut line = Line::default();
    if view.sort == Sort::Tree {
        let indent = (row.depth - view.base()).min(INDENT);
        line.push_span("  ".repeat(indent));
    }
    line.push_span(if row.is_scope() { title.bold() } else { title.into() });
    let is_ending = row.is("is_cancelled") || row.string("asked_by").is_some();
    let notes = row.notes();
    if !notes.is_empty() {
        let notes = format!(" {}", plain(&notes.join(", "), NAME));
        line.push_span(if is_ending { notes.red() } else { notes.dim() });
    }
    if view.sort != Sort::Tree
        && let Some(parent) = view.parent(row)
    {
        line.push_span(format!(" in {}", plain(&parent.title(), NAME)).dim());
    }
    line
}

/// Returns all that is known of the selected row.
fn detail(view: &View) -> Vec<Line<'static>> {
    let Some(row) = view.selected() else { return Vec::new() };
    let fact = |name: &str, value: String| {
        Line::from(vec![format!("{name}: ").fg(Color::Cyan), Span::from(value)])
    };
    let mut lines =
        vec![fact(if row.is_scope() { "scope" } else { "child" }, plain(&row.title(), TEXT))];
    for wait in row.waits() {
        lines.push(fact("waits for", plain(wait.text, TEXT)));
    }
    let waiters: Vec<_> = view.waiters(row).map(|waiter| plain(&waiter.title(), NAME)).collect();
    if !waiters.is_empty() {
        let mut names = waiters[..waiters.len().min(WAITERS)].join(", ");
        if waiters.len() > WAITERS {
            names += &format!(" and {} more", waiters.len() - WAITERS);
        }
        lines.push(fact("is waited for by", names));
    }
    // What is in the row already, or says nothing.
    let known = ["kind", "key", "depth", "left_out", "waits", "more_waits", "name", "id", "polls"];
    for (name, value) in row.members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let value = match value {
            Value::Null | Value::Bool(false) => continue,
            Value::Array(list) if list.is_empty() => continue,
            Value::Number(_) if matches!(name.as_str(), "age" | "busy" | "deadline") => {
                time(value.as_f64())
            }
            Value::String(text) => plain(text, TEXT),
            other => plain(&other.to_string(), TEXT),
        };
        lines.push(fact(&plain(name, NAME), value));
    }
    lines.truncate(FACTS);
    lines
}

fn prompt(view: &View) -> Line<'_> {
    match view.mode {
        Mode::Filter => Line::from(format!("/{}▏", plain(&view.filter, NAME))).yellow(),
        _ => Line::from("↑↓ select  ⏎ go in  ⌫ go out  / filter  s order  w what it waits for  p pause  ? help  q end").dim(),
    }
}

fn draw_help(frame: &mut Frame<'_>) {
    let width = HELP.iter().map(|(keys, _)| keys.chars().count()).max().unwrap_or_default();
    let lines: Vec<_> =
        HELP.iter().map(|(keys, does)| Line::from(format!("{keys:width$}  {does}"))).collect();
    let area = frame.area().centered(
        Constraint::Max(2 + lines.iter().map(Line::width).max().unwrap_or_default() as u16),
        Constraint::Max(2 + lines.len() as u16),
    );
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("keys")), area);
}
