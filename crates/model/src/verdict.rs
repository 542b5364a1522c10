//! What a reply means.

use std::sync::Arc;

use crate::word::{Fault, Reason, Scope};

/// What a failure (or success) reply means: reason, scope, whose fault, and what can be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The class, one of the closed list; `None` for a success.
    pub reason: Option<Reason>,
    /// What the failure is about.
    pub scope: Scope,
    /// Whose fault it is, which is also who must act.
    pub fault: Fault,
    /// Whether the far side (or we) called it final.
    pub permanent: bool,
    /// Whether trying the same message again can succeed without anybody changing something.
    pub retry: bool,
    /// The rule that won, for example `google/5.7.26-unauthenticated`; empty when none did.
    pub rule: Arc<str>,
    /// The part of the text that the rule matched; empty when it matched by code alone.
    pub matched: Arc<str>,
    /// Confidence in percent, 0 to 100.
    pub confidence: u8,
}
