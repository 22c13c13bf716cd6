//! As much of JSON as a report needs.

use std::{fmt::Display, path::Path};

/// An object of members that are JSON themselves.
pub(crate) fn object<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members = members.into_iter().map(|(name, value)| format!("{}:{value}", string(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// An array of what is JSON itself.
pub(crate) fn array(values: impl IntoIterator<Item = impl Display>) -> String {
    let values = values.into_iter().map(|value| value.to_string());
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

pub(crate) fn string(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

pub(crate) fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { "null".into() }
}

/// A path as a string; or, if it is none, as an array of bytes.
pub(crate) fn path(path: &Path) -> String {
    path.to_str().map_or_else(|| array(path.as_os_str().as_encoded_bytes()), string)
}
