//! What the user sees, without a terminal; and with a program that serves its tree.

mod live;
mod screens;
