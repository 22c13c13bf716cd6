//! The bounded map: work on a limited number of items at the same time, in the awaiting task.
//!
//! | file | what |
//! |---|---|
//! | [`map`] | the map, as a source |
//! | [`poll`] | how it is polled |
//! | [`parts`] | what it holds, for those who go on with it |

mod map;
mod parts;
mod poll;

pub use map::MapConcurrent;
pub use parts::MapParts;
