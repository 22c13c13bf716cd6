//! What users call waits, by number.

use crate::sync::lock::Lock;
use alloc::vec::Vec;
use std::sync::OnceLock;

static LABELS: OnceLock<Lock<Vec<&'static str>>> = OnceLock::new();

/// Returns the number of a label.
pub(super) fn number(label: &'static str) -> usize {
    LABELS.get_or_init(|| Lock::new(Vec::new())).with(|labels| {
        labels.iter().position(|there| *there == label).unwrap_or_else(|| {
            labels.push(label);
            labels.len() - 1
        })
    })
}

/// Returns the label of that number.
pub(crate) fn label(number: usize) -> &'static str {
    let label = LABELS.get().and_then(|labels| labels.with(|labels| labels.get(number).copied()));
    label.unwrap_or("something")
}
