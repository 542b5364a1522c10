//! Basic (RFC 5321) and enhanced (RFC 3463) codes out of a reply.

/// The codes of a reply. Absent: 0 and the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes<'a> {
    /// The three-digit reply code, 0 when there is none.
    pub basic: u16,
    /// `5.1.1`, empty when there is none.
    pub enhanced: &'a str,
    /// The rest of the text.
    pub text: &'a str,
}
