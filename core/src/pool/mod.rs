//! Workers and resources that several callers share.
