//! What is seen of a program from outside, while it runs.

mod storm;
mod tree;
mod verdict;
