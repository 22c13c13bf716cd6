//! What is seen of scopes and children by `tracing` and by `metrics`.

mod metrics;
mod seen;
mod spans;
mod wants;
