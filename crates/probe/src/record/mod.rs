//! The texts that domains publish for mail, read by their grammars: each reader says what a receiver will make of the text, and every
//! fault that its owner should mend. No network here.

pub mod bimi;
pub mod dkim;
pub mod dmarc;
pub mod mta_sts;
mod tags;
pub mod tls_rpt;
mod uri;

pub use uri::{ReportUri, UriError};

/// A text read: what it says, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<Value> {
    /// What a receiver takes from it; `None` when the whole text is useless.
    pub value: Option<Value>,
    /// Where it leaves its grammar. A text with a fault is not valid, even if receivers get along with it.
    pub faults: Vec<String>,
    /// Valid, and still to be said: obsolete or useless parts.
    pub notes: Vec<String>,
}

impl<Value> Read<Value> {
    /// A text of which nothing can be used.
    fn useless(fault: impl Into<String>) -> Self {
        Read { value: None, faults: vec![fault.into()], notes: Vec::new() }
    }

    /// Useful, and within its grammar.
    pub fn is_valid(&self) -> bool {
        self.value.is_some() && self.faults.is_empty()
    }
}
