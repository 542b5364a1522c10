//! One file per MTA.

pub mod postfix;
