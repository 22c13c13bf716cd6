//! Several futures as one: `join`, `try_join`, `race` and `race_ok`.

mod ends;
mod hostile;
mod maybes;
mod memory;
mod panics;
mod shapes;
mod support;
mod wakes;
