//! Text that fits into a line.

use alloc::{format, string::String};
use core::time::Duration;

/// More of a text is not kept: no line is longer.
const MOST: usize = 1000;

/// Returns the text as a part of a line: what would move the cursor is replaced, and the end of a
/// long one is left out.
pub(super) fn one_line(text: &str) -> String {
    let chars = text.chars().take(MOST);
    chars.map(|c| if c.is_whitespace() { ' ' } else { harmless(c) }).collect()
}

/// Returns the lines of a text to print. Colours stay in it, and end with their line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> {
    // Of nothing, one empty line.
    let empty = text.is_empty().then(String::new);
    empty.into_iter().chain(text.lines().map(colored_line))
}

fn colored_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut rest, mut has_color) = (line, false);
    while let Some(c) = rest.chars().next() {
        if let Some(len) = color(rest) {
            out.push_str(&rest[..len]);
            (rest, has_color) = (&rest[len..], true);
            continue;
        }
        out.push(if c == '\t' { c } else { harmless(c) });
        rest = &rest[c.len_utf8()..];
    }
    if has_color {
        out.push_str(RESET);
    }
    out
}

pub(super) const RESET: &str = "\x1b[0m";

/// How long the sequence is that sets a colour and with which the text begins, if it does.
fn color(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    parameters[end..].starts_with('m').then_some("\x1b[".len() + end + "m".len())
}

/// Returns what to show instead of what would move the cursor, or change the direction of writing.
fn harmless(c: char) -> char {
    match c {
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c if c.is_control() => '?',
        c => c,
    }
}

/// Returns as much of the text as has room in so many columns.
pub(super) fn fit(text: &str, columns: usize) -> String {
    match columns {
        // Without room for the sign that there is more.
        0 => String::new(),
        _ => console::truncate_str(text, columns, "…").into_owned(),
    }
}

/// "9s", "3m 20s", "2h 05m", "4d 03h".
pub(super) fn time(duration: Duration) -> String {
    let seconds = (duration + Duration::from_millis(500).min(Duration::MAX - duration)).as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// "0.25", "1.5", "12", "3.4k", "5.6M".
pub(super) fn number(number: f64) -> String {
    let (scaled, prefix) = scale(number);
    format!("{}{prefix}", short(scaled))
}

/// "12 B", "3.4 kB", "5.6 MB".
pub(super) fn bytes(bytes: f64) -> String {
    let (scaled, prefix) = scale(bytes);
    format!("{} {prefix}B", if prefix.is_empty() { format!("{scaled:.0}") } else { short(scaled) })
}

fn scale(mut number: f64) -> (f64, &'static str) {
    for prefix in ["", "k", "M", "G", "T"] {
        // What is rounded to a thousand is one of the next.
        if number < 999.5 {
            return (number, prefix);
        }
        number /= 1000.0;
    }
    (number, "P")
}

fn short(number: f64) -> String {
    match number {
        ..0.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn times_have_two_units() {
        let shown = |millis| time(Duration::from_millis(millis));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(59_499), "59s");
        assert_eq!(shown(59_500), "1m 00s");
        assert_eq!(shown(3_599_000), "59m 59s");
        assert_eq!(shown(7_500_000), "2h 05m");
        assert_eq!(shown(90_000_000), "1d 01h");
        assert_eq!(time(Duration::MAX), "213503982334601d 07h");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.25, 1.0, 12.34, 99.95, 999.4, 999.6, 1234.5, 5.6e7, 1e15, 1e30].map(number);
        let expected = ["0.25", "1.0", "12.3", "100", "999", "1.0k", "1.2k", "56.0M", "1.0P"];
        assert_eq!(shown[..9], expected);
        assert_eq!(
            [0.0, 1.0, 999.0, 1000.0, 2.5e9].map(bytes),
            ["0 B", "1 B", "999 B", "1.0 kB", "2.5 GB"]
        );
    }

    #[test]
    fn no_text_moves_the_cursor() {
        assert_eq!(one_line("a\tb\nc\r\n\x1b[2Jd\u{7f}\u{9b}e\u{202e}"), "a b c  ?[2Jd??e?");
        assert_eq!(one_line(&"é".repeat(1_000_000)), "é".repeat(1000));
        let printed = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(printed(""), [""]);
        assert_eq!(printed("a\r\n\nb\x1b[5A\x07"), ["a", "", "b?[5A?"]);
        assert_eq!(printed("\x1b[1;31mred\n\tplain"), ["\x1b[1;31mred\x1b[0m", "\tplain"]);
        assert_eq!(printed("\x1b[1\x1b["), ["?[1?["]);
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        assert_eq!(fit("pages", 5), "pages");
        assert_eq!(fit("pages", 4), "pag…");
        assert_eq!(fit("pages", 1), "…");
        assert_eq!(fit("pages", 0), "");
        assert_eq!(fit("世界", 3), "世…");
    }
}
