//! What is done about work that fails, or takes too long.
