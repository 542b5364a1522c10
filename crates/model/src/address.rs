//! A mail address in two parts, as every table keeps it.

use std::fmt;

/// A mail address, split at its last `@`. The local part is as written (without the quotes of the external form);
/// the domain is in lower case. Both empty: unknown. Local part [`Address::NULL`]'s and no domain: the null sender `<>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address<'a> {
    /// What stands before the last `@`; `<>` for the null sender.
    pub local: &'a str,
    /// What stands after the last `@`; empty for a bare name and for the null sender.
    pub domain: &'a str,
}

impl<'a> Address<'a> {
    /// The null reverse-path of RFC 5321 section 4.5.5, the sender of delivery notifications.
    pub const NULL: Address<'static> = Address { local: "<>", domain: "" };

    /// Splits at the last `@`. The caller has put the domain into lower case.
    pub fn split(text: &'a str) -> Self {
        match text.rfind('@') {
            Some(at) => Address { local: &text[..at], domain: &text[at + 1..] },
            None => Address { local: text, domain: "" },
        }
    }

    /// Whether nothing is known of the address.
    pub fn is_unknown(self) -> bool {
        self.local.is_empty() && self.domain.is_empty()
    }

    /// Whether this is the null sender `<>`.
    pub fn is_null(self) -> bool {
        self.local == "<>" && self.domain.is_empty()
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.local)?;
        if !self.domain.is_empty() {
            write!(formatter, "@{}", self.domain)?;
        }
        Ok(())
    }
}
