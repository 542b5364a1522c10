//! The built dashboard, embedded in the binary.
