//! The outside world to bytes with positions: files, rotations, compressed history.
