//! SPF by RFC 7208: the grammar of records, macros, and the check of a client, with its lookups counted.
//!
//! * [`record`]: text to terms. [`macros`]: the macro language.
//! * [`evaluate`]: `check_host()`. [`tree`]: everything a record leads to, whether a client matches or not.

pub mod evaluate;
pub mod macros;
pub mod record;
pub mod tree;

pub use evaluate::{Evaluation, Request, Verdict, check_host};
pub use record::{Mechanism, Qualifier, Record, SyntaxError, Term};
pub use tree::Tree;

/// Terms that may cause lookups in one check (RFC 7208 section 4.6.4).
pub const LOOKUP_LIMIT: u32 = 10;
/// Lookups without an answer in one check (RFC 7208 section 4.6.4).
pub const VOID_LIMIT: u32 = 2;
/// MX hosts of one `mx` term, and names of one address (RFC 7208 section 4.6.4).
pub const HOST_LIMIT: usize = 10;

/// Is this text an SPF record: `v=spf1` and then a space or the end (RFC 7208 section 4.5)?
pub fn is_record(text: &str) -> bool {
    let head = text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("v=spf1"));
    head && matches!(text.as_bytes().get(6), None | Some(b' '))
}
