//! Tests of the example `checksum`.
