//! A tree that is served: what clients see, who is refused, and that none of them is in the way of the program.

mod client;
mod hostile;
mod pages;
mod sockets;
mod who_may_look;

// The page in a browser; `ci/page.sh` runs it.
mod browser;
