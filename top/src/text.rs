//! Texts of others, on one line, without what a terminal would obey.

/// Returns at most so many characters of a text, harmless ones.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let mut plain: String = text.chars().take(most).map(harmless).collect();
    if text.chars().nth(most).is_some() {
        plain.push('…');
    }
    plain
}

/// Returns a text of several lines, with harmless characters in them.
pub(crate) fn lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { harmless(c) }).collect()
}

/// Returns a time as people say it.
pub(crate) fn time(seconds: Option<f64>) -> String {
    match seconds {
        Some(0.0) => "0 s".into(),
        Some(seconds) if (0.0..1.0).contains(&seconds) => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) if (1.0..60.0).contains(&seconds) => format!("{seconds:.1} s"),
        Some(seconds) if seconds >= 60.0 => {
            let whole = seconds as u64;
            let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86400);
            match minutes {
                0..60 => format!("{minutes} min {} s", whole % 60),
                60..1440 => format!("{hours} h {} min", minutes % 60),
                _ => format!("{days} d {} h", hours % 24),
            }
        }
        _ => "–".into(),
    }
}

/// Controls move the cursor; what formats turns the direction of what is behind it, or is not seen.
fn harmless(c: char) -> char {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    if c.is_control() || is_format { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_harmless() {
        assert_eq!(
            plain("a\u{1b}[2J\r\n\u{9b}b\u{202e}c\u{200b}", 80),
            "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}"
        );
        assert_eq!(plain("äöü", 3), "äöü");
        assert_eq!(plain("äöü", 2), "äö…");
        assert_eq!(plain(&"m".repeat(1 << 20), 80).chars().count(), 81);
        assert_eq!(lines("a\nb\u{1b}c\r\n"), "a\nb\u{fffd}c\u{fffd}\n");
    }

    #[test]
    fn times_are_said_as_people_do() {
        let cases = [
            (0.0, "0 s"),
            (0.0421, "42.1 ms"),
            (1.5, "1.5 s"),
            (61.0, "1 min 1 s"),
            (3600.0, "1 h 0 min"),
            (90_000.0, "1 d 1 h"),
            (-1.0, "–"),
            (f64::NAN, "–"),
        ];
        for (seconds, words) in cases {
            assert_eq!(time(Some(seconds)), words);
        }
        assert_eq!(time(None), "–");
        assert!(time(Some(f64::MAX)).ends_with('h'));
    }
}
