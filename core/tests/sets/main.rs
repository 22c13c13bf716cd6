//! The growing sets, as their users see them.

mod fairness;
mod hostile;
mod kinds;
mod maps;
mod memory;
mod support;
mod threads;
mod wakes;
