//! A program of [anyscope](https://crates.io/crates/anyscope) that shows its live tree, on a port of its own machine or on a socket.
//!
//! Off unless it is asked for. A [`Server`] has threads of its own and needs no runtime, so a program whose executor is stuck can
//! still be looked at. It is read only, and hears nobody who is on another machine.
//!
//! ```
//! use anyscope::observe::tree::Tree;
//! use anyscope_serve::Server;
//!
//! let tree = Tree::new();
//! let serving = Server::new(&tree).tcp("127.0.0.1:0")?;
//! println!("see {serving}"); // http://127.0.0.1:40123/
//! # async fn program() {}
//! smol::block_on(tree.watch(program()));
//! # Ok::<(), anyscope_serve::Error>(())
//! ```
//!
//! Look at it with a browser, with `anyscope-top 127.0.0.1:40123`, or with anything that speaks HTTP:
//!
//! | `GET` | has |
//! |---|---|
//! | `/` | a page that shows the tree as it changes |
//! | `/tree.json` | all that was seen, for programs |
//! | `/tree.txt` | the same for people |
//!
//! # The JSON
//!
//! ```text
//! {
//!   "format": 1, "program": "shop", "pid": 4211, "age": 12.5, "left_out": 0,
//!   "rows": [
//!     {"kind": "scope", "key": "1", "depth": 0, "left_out": 0, "name": "shop::serve", "number": 1, ..},
//!     {"kind": "child", "key": "1/#0", "depth": 1, "left_out": 0, "name": "feed", "id": "#0", ..}
//!   ],
//!   "verdict": null
//! }
//! ```
//!
//! Rows are in the order of the tree, and have what a [`ScopeView`](anyscope_core::observe::tree::ScopeView) or a
//! [`ChildView`](anyscope_core::observe::tree::ChildView) has, but for what is in it: that comes in the rows behind, with a greater `depth`. So
//! a tree is no deeper in JSON than any other. `left_out` says how many rows right below this one are not
//! there; that of the whole, how many at all. Texts and lists that are too long are cut. There may be new members at any time; `format`
//! changes when those that are there change.
//!
//! # Who may look
//!
//! A port on the loopback can be reached by every user of the machine, and by nobody else; a socket by its owner. Requests for another
//! host than this one are refused, as they come from a page whose name leads here (DNS rebinding); and pages of others cannot
//! read what they get. To look from elsewhere, use a tunnel: `ssh -L 8080:127.0.0.1:40123 host`.

// | file | what |
// |---|---|
// | `server` | what is served, and how |
// | `serving` | the threads, and their end |
// | `listener` | ports and sockets as one |
// | `http` | requests and responses |
// | `look` | one look for all who ask at the same time |
// | `rows` | a tree as a list that is not too long |

mod error;
mod http;
mod listener;
mod look;
mod rows;
mod server;
mod serving;

pub use error::Error;
pub use server::Server;
pub use serving::Serving;
