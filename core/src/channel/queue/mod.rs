//! A queue whose senders never wait: when it is full, an item is dropped by a rule.

mod make;
pub(crate) mod receiver;
mod sender;
mod state;

pub use make::{Overflow, queue};
pub use receiver::QueueReceiver;
pub use sender::QueueSender;
pub use state::QueueStatus;
