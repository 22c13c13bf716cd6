//! Several futures awaited as one: `join`, `try_join`, `race`, `race_ok`.

mod cancelled;
mod joins;
mod races;
