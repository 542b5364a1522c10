//! Rows to disk and back: pending rows, segments, manifest, state.
