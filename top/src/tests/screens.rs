//! Screens for trees that tests make up.

use crate::{draw::draw, keys::press, tree::Tree, view::View, watch::Update};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::{Value, json};

fn scope(number: u64, depth: usize, members: Value) -> Value {
    let row = json!({"kind": "scope", "key": number.to_string(), "number": number, "depth": depth, "age": 2.5, "polls": 3, "waits": []});
    with(row, members)
}

fn child(scope: u64, id: &str, depth: usize, members: Value) -> Value {
    let row = json!({"kind": "child", "key": format!("{scope}/{id}"), "id": id, "depth": depth, "state": "Waiting", "waits": []});
    with(row, members)
}

fn with(mut row: Value, members: Value) -> Value {
    row.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    row
}

fn seen(pid: u64, rows: Vec<Value>) -> Tree {
    let tree = json!({"format": 1, "program": "shop", "pid": pid, "age": 61.0, "left_out": 0, "rows": rows, "verdict": null});
    Tree::parse(&tree.to_string()).unwrap()
}

/// A server with a feed, somebody who reads it, and a request that has a scope in it.
fn shop() -> Vec<Value> {
    vec![
        scope(
            1,
            0,
            json!({"name": "shop::serve", "limit": 4, "live": 3, "waits": [{"text": "room in a scope of 4", "scope": 1}]}),
        ),
        child(
            1,
            "#0",
            1,
            json!({"name": "feed", "polls": 7, "age": 9.0, "busy": 0.002, "waits": [{"text": "the network"}]}),
        ),
        child(
            1,
            "#1",
            1,
            json!({"spawned_at": "src/main.rs:9:5", "polls": 2, "age": 1.0, "waits": [{"text": "child `feed`", "scope": 1, "child": "#0"}], "more_waits": 2}),
        ),
        child(
            1,
            "#2",
            1,
            json!({"name": "GET /", "polls": 40, "age": 3.0, "busy": 1.5, "is_shielded": true, "waits": [{"text": "its scope", "scope": 2}]}),
        ),
        scope(2, 2, json!({"name": "shop::answer", "is_cancelled": true, "reason": "closing"})),
        child(
            2,
            "#0",
            3,
            json!({"name": "stock", "polls": 0, "state": "Queued", "age": null, "busy": null}),
        ),
    ]
}

fn view(rows: Vec<Value>) -> View {
    let mut view = View::new("127.0.0.1:4000".into());
    view.update(Update::Seen(seen(7, rows)));
    view
}

fn press_all(view: &mut View, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '↑' => KeyCode::Up,
            '↓' => KeyCode::Down,
            '←' => KeyCode::Backspace,
            '␛' => KeyCode::Esc,
            key => KeyCode::Char(key),
        };
        assert!(!press(view, &Event::Key(KeyEvent::from(code))), "{key} is not the end");
    }
}

fn screen(view: &mut View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    if width == 0 {
        return Vec::new();
    }
    let lines = terminal.backend().to_string();
    // Each line is in quotes.
    lines.lines().map(|line| line.trim_matches('"').trim_end().into()).collect()
}

/// The names of the rows that are seen, as they are indented.
fn names(view: &mut View) -> Vec<String> {
    view.is_detailed = false;
    let lines = screen(view, 120, 40);
    let head = lines.iter().position(|line| line.starts_with("what ")).unwrap();
    let rows = lines[head + 1..].iter().take_while(|line| !line.is_empty());
    rows.map(|row| row[..24].trim_end().into()).collect()
}

#[test]
fn the_screen_has_all_of_it() {
    let mut view = view(shop());
    press_all(&mut view, "↓↓");
    let expected = "\
shop (7)  2 scopes, 4 children, for 1 min 1 s  live
as a tree
what                                           age     polls        busy waits for
shop::serve 3 of 4                           2.5 s         3           – room in a scope of 4
  #0 feed                                    9.0 s         7      2.0 ms the network
  #1 src/main.rs:9:5                         1.0 s         2           – child `feed` and 2 more
  #2 GET / behind a shield                   3.0 s        40       1.5 s its scope
    shop::answer cancelled: closing          2.5 s         3           –
      #0 stock                                   –         0           – (was never polled)


────────────────────────────────────────────────────────────────────────────────────────────────────────
child: #1 src/main.rs:9:5
waits for: child `feed`
age: 1.0 s
spawned_at: src/main.rs:9:5
state: Waiting
↑↓ select  ⏎ go in  ⌫ go out  / filter  s order  w what it waits for  p pause  ? help  q end";
    let lines = screen(&mut view, 104, 18);
    assert_eq!(lines.join("\n"), expected, "{}", lines.join("\n"));
}

#[test]
fn rows_are_sorted() {
    let mut view = view(shop());
    press_all(&mut view, "s");
    let by_age = ["#0 feed", "#2 GET /", "shop::serve", "shop::answer", "#1 src/main", "#0 stock"];
    let starts = |view: &mut View, expected: &[&str]| {
        let names = names(view);
        assert_eq!(names.len(), expected.len(), "{names:?}");
        assert!(
            names.iter().zip(expected).all(|(name, start)| name.starts_with(start)),
            "{names:?}"
        );
    };
    starts(&mut view, &by_age);
    press_all(&mut view, "s");
    starts(
        &mut view,
        &["#2 GET /", "#0 feed", "shop::serve", "shop::answer", "#1 src/main", "#0 stock"],
    );
    press_all(&mut view, "s");
    starts(
        &mut view,
        &["#2 GET /", "#0 feed", "shop::serve", "#1 src/main", "shop::answer", "#0 stock"],
    );
    press_all(&mut view, "s");
    assert_eq!(names(&mut view)[1], "  #0 feed");
}

#[test]
fn rows_are_filtered_below_what_they_are_in() {
    let mut view = view(shop());
    press_all(&mut view, "/STOCK never");
    assert_eq!(screen(&mut view, 100, 20).last().unwrap(), "/STOCK never▏");
    let expected = [
        "shop::serve 3 of 4",
        "  #2 GET / behind a shie",
        "    shop::answer cancell",
        "      #0 stock",
    ];
    assert_eq!(names(&mut view), expected);
    press_all(&mut view, "\n");
    assert!(screen(&mut view, 100, 20)[1].contains("/STOCK never"));
    press_all(&mut view, "s");
    assert!(names(&mut view)[0].starts_with("#0 stock in shop::answer"), "only what is found");
    press_all(&mut view, "␛sss");
    assert_eq!(names(&mut view).len(), 6);
    press_all(&mut view, "/nobody");
    assert_eq!(screen(&mut view, 100, 20)[2], "nothing is found");
    press_all(&mut view, "␛");
    assert_eq!(names(&mut view).len(), 6);
}

#[test]
fn one_can_go_in_and_out() {
    let mut view = view(shop());
    press_all(&mut view, "↓\n");
    assert_eq!(names(&mut view), ["#0 feed"]);
    press_all(&mut view, "←←");
    assert_eq!(names(&mut view).len(), 6);
    press_all(&mut view, "↓↓↓\n");
    assert_eq!(
        names(&mut view),
        ["#2 GET / behind a shield", "  shop::answer cancelled", "    #0 stock"]
    );
    assert_eq!(screen(&mut view, 100, 20)[1], "as a tree  in shop::serve › #2 GET /");
    press_all(&mut view, "↓↓\n");
    assert_eq!(names(&mut view), ["#0 stock"]);
    press_all(&mut view, "←←");
    assert_eq!(names(&mut view).len(), 3, "in the request");
    press_all(&mut view, "←");
    assert_eq!(view.selected().unwrap().key, "1/#2");
    press_all(&mut view, "←←←");
    assert_eq!(names(&mut view).len(), 6);
    // What one is in may end.
    press_all(&mut view, "\n");
    view.update(Update::Seen(seen(7, vec![scope(9, 0, json!({"name": "late"}))])));
    assert_eq!(names(&mut view), ["late"]);
}

#[test]
fn a_selection_follows_its_row() {
    let mut view = view(shop());
    press_all(&mut view, "↓↓");
    let mut rows = shop();
    rows.remove(1);
    view.update(Update::Seen(seen(7, rows)));
    assert_eq!(view.selected().unwrap().key, "1/#1");
    press_all(&mut view, "w");
    assert_eq!(view.selected().unwrap().key, "1/#1", "what it waits for has ended");
    view.update(Update::Seen(seen(7, shop())));
    press_all(&mut view, "sw");
    assert_eq!(view.selected().unwrap().key, "1/#0");
    assert!(
        screen(&mut view, 100, 20)
            .iter()
            .any(|line| line == "is waited for by: #1 src/main.rs:9:5")
    );
    view.update(Update::Seen(seen(7, Vec::new())));
    assert_eq!(
        (view.selected().is_none(), screen(&mut view, 100, 20)[2].as_str()),
        (true, "nothing runs")
    );
    press_all(&mut view, "↑↓\n←wcs");
}

#[test]
fn another_process_begins_anew() {
    let mut view = view(shop());
    press_all(&mut view, "↓↓↓\n↓");
    view.update(Update::Lost("Connection refused".into()));
    let lines = screen(&mut view, 100, 20);
    assert!(lines[0].ends_with("lost (Connection refused), trying again"), "{}", lines[0]);
    assert!(
        lines.iter().any(|line| line.contains("#2 GET /")),
        "what was seen last is still there"
    );
    view.update(Update::Seen(seen(8, shop())));
    assert_eq!(names(&mut view).len(), 6);
    assert!(screen(&mut view, 100, 20)[0].ends_with("live"));
}

#[test]
fn a_pause_keeps_what_is_seen() {
    let mut view = view(shop());
    press_all(&mut view, "p");
    view.update(Update::Seen(seen(7, Vec::new())));
    assert_eq!(names(&mut view).len(), 6);
    assert!(screen(&mut view, 100, 20)[0].ends_with("paused"));
    press_all(&mut view, " ");
    view.update(Update::Seen(seen(7, Vec::new())));
    assert_eq!(screen(&mut view, 100, 20)[2], "nothing runs");
}

#[test]
fn a_circle_is_named_first() {
    let stuck = |id: &str, who: &str, whom: &str| json!({"who": format!("child `{who}`"), "waits_for": format!("child `{whom}`"), "scope": 1, "child": id});
    let tree = json!({
        "format": 1, "program": "shop", "pid": 7, "rows": shop(),
        "verdict": {"circle": [stuck("#0", "a", "b"), stuck("#1", "b", "a")], "others": [stuck("#2", "c", "a")]},
    });
    let mut view = View::new("127.0.0.1:4000".into());
    view.update(Update::Seen(Tree::parse(&tree.to_string()).unwrap()));
    let lines = screen(&mut view, 100, 24);
    let expected = [
        "Each waits for the next, for ever:",
        "· child `a` waits for child `b`",
        "· child `b` waits for child `a`",
        "1 wait for these",
    ];
    assert_eq!(lines[2..6], expected);
    let small = screen(&mut view, 100, 9);
    assert!(small.iter().any(|line| line.starts_with("shop::serve")), "{small:#?}");
    press_all(&mut view, "c");
    assert_eq!(view.selected().unwrap().key, "1/#0");
    press_all(&mut view, "c");
    assert_eq!(view.selected().unwrap().key, "1/#1");
    press_all(&mut view, "c");
    assert_eq!(view.selected().unwrap().key, "1/#0");
}

#[test]
fn facts_that_are_not_known_are_shown() {
    let news = json!({"executor": "smol", "deadline": {"left": 1.5}, "flows": ["a", "b"], "none": null, "is_it": true, "is_not": false});
    let mut view = view(vec![scope(1, 0, news)]);
    let lines = screen(&mut view, 100, 40);
    for line in
        ["executor: smol", r#"deadline: {"left":1.5}"#, r#"flows: ["a","b"]"#, "is_it: true"]
    {
        assert!(lines.iter().any(|shown| shown == line), "{line} in {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("none") || line.starts_with("is_not")));
}

#[test]
fn names_are_harmless_and_short() {
    let mut view = view(vec![
        scope(
            1,
            0,
            json!({"name": "\u{1b}]0;title\u{7}\r\n\t\u{9b}2J", "reason": "\u{202e}gnol", "is_cancelled": true}),
        ),
        child(
            1,
            "#0",
            1,
            json!({"name": "m".repeat(1 << 20), "\u{1b}[2J": "\u{1b}[2J", "waits": [{"text": "w\u{0}".repeat(1 << 20)}]}),
        ),
        child(1, "#1", 1, json!({"name": "e\u{301}".repeat(1 << 20)})),
    ]);
    press_all(&mut view, "↓");
    view.update(Update::Lost("\u{1b}[31m".into()));
    let lines = screen(&mut view, 100, 30);
    assert!(
        lines.iter().all(|line| line.chars().all(|c| !c.is_control() && c != '\u{202e}')),
        "{lines:#?}"
    );
    assert!(
        lines[3].starts_with(
            "\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}2J cancelled: \u{fffd}gnol"
        ),
        "{}",
        lines[3]
    );
    assert!(lines.iter().map(String::len).sum::<usize>() < 10_000);
}

#[test]
fn rows_are_right_below_what_they_are_in() {
    let rows = vec![
        child(1, "#0", 3, json!({"name": "a"})),
        child(1, "#1", 9, json!({"name": "b"})),
        child(1, "#2", 1, json!({"name": "c"})),
    ];
    assert_eq!(names(&mut view(rows)), ["#0 a", "  #1 b", "  #2 c"]);
}

#[test]
fn long_trees_are_scrolled() {
    let rows = (0..1_000).map(|n| child(1, &format!("#{n}"), 1, json!({"name": format!("n{n}")})));
    let mut view = view([vec![scope(1, 0, json!({"name": "all"}))], rows.collect()].concat());
    view.select(usize::MAX);
    let lines = screen(&mut view, 100, 12);
    assert!(lines.iter().any(|line| line.contains("#999 n999")), "{lines:#?}");
    view.move_by(-1);
    assert!(
        screen(&mut view, 100, 12).iter().any(|line| line.contains("#999 n999")),
        "it does not move without need"
    );
    view.select(0);
    assert!(screen(&mut view, 100, 12).iter().any(|line| line.starts_with("all")));
    view.move_by(isize::MAX);
    assert_eq!(view.selected().unwrap().key, "1/#999");
    view.move_by(isize::MIN);
    assert_eq!(view.selected().unwrap().key, "1");
}

#[test]
fn help_is_shown_until_a_key() {
    let mut view = view(shop());
    press_all(&mut view, "?");
    assert!(screen(&mut view, 120, 30).iter().any(|line| line.contains("show only what is in it")));
    press_all(&mut view, "x");
    assert!(
        !screen(&mut view, 120, 30).iter().any(|line| line.contains("show only what is in it"))
    );
    assert!(press(&mut view, &Event::Key(KeyEvent::from(KeyCode::Char('q')))));
    press_all(&mut view, "/q");
    let end = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(press(&mut view, &Event::Key(end)), "also while one filters");
}

/// Given whatever may come, at any size of the terminal, with any keys, then there is a screen.
#[test]
fn nothing_that_comes_breaks_the_screen() {
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!("\u{1b}"),
        json!([]),
        json!({}),
        json!([[], {}, null, "x", 1]),
        json!({"text": 1, "scope": -1, "child": []}),
        json!([{"text": "x", "scope": 1, "child": "#0"}, {"text": null}]),
        json!(u64::MAX),
    ];
    let members = [
        "kind",
        "key",
        "depth",
        "name",
        "id",
        "age",
        "polls",
        "busy",
        "waits",
        "more_waits",
        "live",
        "limit",
        "left_out",
        "state",
        "reason",
        "asked_by",
        "is_cancelled",
        "spawned_at",
    ];
    for name in members {
        for value in &odd {
            let rows: Vec<Value> =
                shop().into_iter().map(|row| with(row, json!({name: value}))).collect();
            let rows = [rows, vec![value.clone()]].concat();
            let mut view = view(rows);
            for (width, height) in [(0, 0), (3, 2), (60, 12)] {
                press_all(&mut view, "↓sw\nc/x␛←d?↑");
                screen(&mut view, width, height);
            }
        }
    }
    for value in &odd {
        let tree = json!({"format": 1, "rows": [], "program": value, "pid": value, "age": value, "left_out": value, "verdict": value});
        let mut view = View::new(String::new());
        view.update(Update::Seen(Tree::parse(&tree.to_string()).unwrap()));
        screen(&mut view, 80, 20);
        let tree = json!({"format": 1, "rows": [], "verdict": {"circle": value, "others": value}});
        view.update(Update::Seen(Tree::parse(&tree.to_string()).unwrap()));
        screen(&mut view, 80, 20);
        assert!(
            Tree::parse(&json!({"format": 1, "rows": value}).to_string()).is_err()
                || value.is_array()
        );
    }
    for text in ["", "{", "[]", "null", r#"{"format": 2, "rows": []}"#, &"[".repeat(100_000)] {
        assert!(Tree::parse(text).is_err());
    }
}
