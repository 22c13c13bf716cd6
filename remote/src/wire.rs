//! Fields as bytes: a version, then for each field its tag, its length and its bytes.
//!
//! A reader passes over tags that it does not know, so fields can be added; the version changes when old readers would
//! misunderstand.

use crate::engine::Malformed;
use std::{str, time::Duration};

const VERSION: u8 = 1;

pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        Writer(vec![VERSION])
    }

    /// # Panics
    ///
    /// Panics if a field has 4 GiB or more.
    pub(crate) fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a field has less than 4 GiB");
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, tag: u8, text: &str) {
        self.bytes(tag, text.as_bytes());
    }

    pub(crate) fn number(&mut self, tag: u8, number: u64) {
        self.bytes(tag, &number.to_le_bytes());
    }

    pub(crate) fn duration(&mut self, tag: u8, duration: Duration) {
        self.number(tag, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The fields of some bytes, in their order.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(u8, &[u8])>, Malformed> {
    let (&version, mut rest) = bytes.split_first().ok_or(Malformed::Broken)?;
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    let mut fields = Vec::new();
    while let Some((&tag, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk().ok_or(Malformed::Broken)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Malformed::Broken)?;
        let (field, after) = after.split_at_checked(length).ok_or(Malformed::Broken)?;
        fields.push((tag, field));
        rest = after;
    }
    Ok(fields)
}

pub(crate) fn text(field: &[u8]) -> Result<String, Malformed> {
    str::from_utf8(field).map(str::to_owned).map_err(|_| Malformed::Broken)
}

pub(crate) fn number(field: &[u8]) -> Result<u64, Malformed> {
    field.try_into().map(u64::from_le_bytes).map_err(|_| Malformed::Broken)
}

pub(crate) fn small(field: &[u8]) -> Result<u32, Malformed> {
    u32::try_from(number(field)?).map_err(|_| Malformed::Broken)
}

pub(crate) fn duration(field: &[u8]) -> Result<Duration, Malformed> {
    Ok(Duration::from_nanos(number(field)?))
}
