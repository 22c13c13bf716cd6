//! Texts of a bounded length.

use crate::unwind;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// How long a text may be, in bytes.
pub(super) const MOST: usize = 119;

/// As words: the length in the first byte, then the text.
pub(super) const WORDS: usize = (MOST + 1) / size_of::<u64>();

/// A text of at most [`MOST`] bytes. What is longer ends with `…`.
pub(super) struct Short {
    bytes: [u8; MOST + 1],
    length: usize,
}

const ELLIPSIS: &str = "…";

impl Short {
    /// Returns the text of `what`. It is asked for no more than fits; if it panics, the text ends there.
    pub(super) fn of(what: &dyn fmt::Display) -> Self {
        let mut short = Short { bytes: [0; MOST + 1], length: 0 };
        if let Err(payload) = unwind::catch(|| _ = write!(short, "{what}")) {
            unwind::discard(payload);
        }
        short
    }

    pub(super) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    pub(super) fn to_words(&self) -> [u64; WORDS] {
        let mut bytes = [0; MOST + 1];
        // The length fits: it is at most `MOST`.
        bytes[0] = self.length as u8;
        bytes[1..=self.length].copy_from_slice(&self.bytes[..self.length]);
        let mut eights = bytes.chunks_exact(size_of::<u64>());
        core::array::from_fn(|_| {
            let eight = eights.next().and_then(|eight| eight.try_into().ok());
            u64::from_le_bytes(eight.unwrap_or_default())
        })
    }

    /// Returns the text that is these words.
    pub(super) fn from_words(words: [u64; WORDS]) -> String {
        let mut bytes = words.into_iter().flat_map(u64::to_le_bytes);
        let length = bytes.next().unwrap_or_default();
        let text: alloc::vec::Vec<_> = bytes.take(length.into()).collect();
        String::from_utf8_lossy(&text).into()
    }

    fn push(&mut self, text: &str) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= MOST - self.length {
            self.push(text);
            return Ok(());
        }
        // What is there may have to be cut too, for the ellipsis.
        let room = MOST - ELLIPSIS.len();
        self.length = floor(self.as_str(), room);
        let fits = floor(text, room - self.length);
        self.push(&text[..fits]);
        self.push(ELLIPSIS);
        // Full: what comes after this is not asked for.
        Err(fmt::Error)
    }
}

/// Returns the last boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn what_is_long_is_cut_between_characters() {
        for text in ["", "why", &"x".repeat(MOST)] {
            let short = Short::of(&text);
            assert_eq!((short.as_str(), Short::from_words(short.to_words())), (text, text.into()));
        }
        for n in 0..4 {
            // Characters of three bytes, in one piece or two.
            let long = format!("{}{}", "x".repeat(n), "€".repeat(100_000));
            let (head, tail) = long.split_at(n + 117);
            for what in [&long as &dyn fmt::Display, &format_args!("{head}{tail}")] {
                let short = Short::of(what);
                assert!(short.as_str().len() > MOST - 4, "{}", short.as_str());
                let kept = short.as_str().strip_suffix(ELLIPSIS).unwrap();
                assert!(long.starts_with(kept), "{kept}");
                assert_eq!(Short::from_words(short.to_words()), short.as_str().to_string());
            }
        }
    }

    #[test]
    fn a_text_that_panics_ends_there() {
        struct Bad;
        impl fmt::Display for Bad {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("so far")?;
                std::panic::resume_unwind(alloc::boxed::Box::new("as asked"))
            }
        }
        assert_eq!(Short::of(&Bad).as_str(), "so far");
    }
}
