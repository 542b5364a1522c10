//! Rows about signatures: what happens to a zone after it was signed. They need a validating resolver, so they run against real servers only.

use super::Row;

/// What is done to the signed zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A signature is of another text.
    WrongSignature,
    /// A record was changed after signing.
    ChangedRecord,
    /// The signatures ended a month ago.
    Expired,
    /// They end tomorrow.
    Ending,
    /// The records have lost their signatures.
    NoSignatures,
    /// The parent names another key.
    OtherKey,
    /// The parent names none: the zone counts as unsigned.
    NoKey,
}

const fn row(name: &'static str, expected: &'static [&'static str], change: Change) -> Row<Change> {
    Row { name, change, expected }
}

/// All of them.
pub(crate) const ROWS: &[Row<Change>] = &[
    row("a signature of the MX that does not hold", &["dnssec.chain"], Change::WrongSignature),
    row("a zone that was edited after signing", &["dnssec.chain"], Change::ChangedRecord),
    row("signatures that ran out", &["dnssec.chain"], Change::Expired),
    row("signatures that end tomorrow", &["dnssec.expiry"], Change::Ending),
    row("a zone that lost its signatures", &["dnssec.chain"], Change::NoSignatures),
    row("a DS record of another key", &["dnssec.chain"], Change::OtherKey),
    row("TLSA records in a zone without a DS record", &["dane.secure", "dnssec.chain"], Change::NoKey),
];
