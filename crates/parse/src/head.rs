//! What stands before the message of a line.
