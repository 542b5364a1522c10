//! Text of a line as rows want it: UTF-8 (lossy), addresses in two parts, and a small store for the strings of one life.

use std::borrow::Cow;

use mailvane_model::Address;

/// Bytes as text; invalid UTF-8 is replaced.
#[inline]
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.is_empty() {
        return Cow::Borrowed("");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// As [`lossy`], of a part of a line that is known to be text: it is found again in it and not validated again.
#[inline]
pub(crate) fn part<'a>(line: &'a str, bytes: &'a [u8]) -> Cow<'a, str> {
    let start = (bytes.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
    match line.get(start..start.saturating_add(bytes.len())) {
        Some(part) if !bytes.is_empty() => Cow::Borrowed(part),
        // Not a part of this line, or of a line that is no text.
        _ => lossy(bytes),
    }
}

/// An address out of a line, normalised: no angle brackets, no quotes around the local part, the domain in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox<'a> {
    local: Cow<'a, str>,
    domain: Cow<'a, str>,
}

impl<'a> Mailbox<'a> {
    /// Splits an address, a part of `line`. The empty one is the null sender where `null_sender` says so.
    #[inline]
    pub(crate) fn of(line: &'a str, bytes: &'a [u8], null_sender: bool) -> Self {
        if bytes.is_empty() || bytes == b"<>" {
            return Mailbox { local: Cow::Borrowed(if null_sender { "<>" } else { "" }), domain: Cow::Borrowed("") };
        }
        match part(line, bytes) {
            Cow::Borrowed(text) => Self::split(text),
            Cow::Owned(text) => {
                let parts = Self::split(&text);
                Mailbox { local: Cow::Owned(parts.local.into_owned()), domain: Cow::Owned(parts.domain.into_owned()) }
            }
        }
    }

    #[inline]
    fn split(text: &str) -> Mailbox<'_> {
        let text = text.strip_prefix('<').map_or(text, |inner| inner.strip_suffix('>').unwrap_or(inner));
        let (local, domain) = match memchr::memrchr(b'@', text.as_bytes()) {
            Some(at) if !is_place(text, at) => (&text[..at], &text[at + 1..]),
            _ => (text, ""),
        };
        let domain = if domain.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
            Cow::Owned(domain.to_lowercase())
        } else {
            Cow::Borrowed(domain)
        };
        Mailbox { local: unquoted(local), domain }
    }

    /// As the model's address.
    #[inline]
    pub(crate) fn address(&self) -> Address<'_> {
        Address { local: &self.local, domain: &self.domain }
    }
}

/// Whether an address is a command, or a file, that has an `@` in it at `at`.
#[inline]
fn is_place(text: &str, at: usize) -> bool {
    match text.as_bytes()[0] {
        b'|' => true,
        b'/' => text[at..].contains('/'),
        _ => false,
    }
}

/// A local part without the quotes of the external form (RFC 5321 section 4.1.2), its escapes undone.
fn unquoted(local: &str) -> Cow<'_, str> {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return Cow::Borrowed(local) };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    Cow::Owned(text)
}

/// A piece of a [`Texts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// Whether it holds nothing.
    pub(crate) fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// The strings of one life in one buffer, so that a life costs one allocation, and none when its slot is used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(String);

impl Texts {
    /// Adds a string.
    #[inline]
    pub(crate) fn add(&mut self, text: &str) -> Span {
        if text.is_empty() {
            return Span::default();
        }
        // Four gigabytes of text in one life cannot come up: recipients and lines of a life are limited.
        let start = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(text.len()).unwrap_or(0);
        if start.checked_add(length).is_none() {
            return Span::default();
        }
        self.0.push_str(text);
        Span { start, length }
    }

    /// The string of a span.
    #[inline]
    pub(crate) fn get(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.0.get(start..start + span.length as usize).unwrap_or("")
    }

    /// Forgets every string and keeps the room, unless it is large.
    pub(crate) fn clear(&mut self) {
        const KEEP_BYTES: usize = 4096;
        self.0.clear();
        if self.0.capacity() > KEEP_BYTES {
            self.0 = String::new();
        }
    }
}

/// A very short string kept in place: an enhanced status code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Short {
    length: u8,
    bytes: [u8; 11],
}

impl Short {
    /// Keeps the text when it is ASCII and fits; an enhanced code (RFC 3463) has at most 9 characters.
    pub(crate) fn of(text: &str) -> Self {
        let mut short = Short::default();
        if text.len() <= short.bytes.len() && text.is_ascii() {
            short.bytes[..text.len()].copy_from_slice(text.as_bytes());
            short.length = text.len() as u8;
        }
        short
    }

    /// The text.
    pub(crate) fn get(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &[u8]) -> (String, String) {
        let mailbox = Mailbox::of("", text, true);
        (mailbox.local.to_string(), mailbox.domain.to_string())
    }

    #[test]
    fn addresses_are_split_at_the_last_at_and_unquoted() {
        assert_eq!(parts(b"joe@Example.COM"), ("joe".into(), "example.com".into()));
        assert_eq!(parts(b"\"a b\"@example.com"), ("a b".into(), "example.com".into()));
        assert_eq!(parts(b"\"a\\\"b@c\"@example.com"), ("a\"b@c".into(), "example.com".into()));
        assert_eq!(parts(b"root"), ("root".into(), String::new()));
        assert_eq!(parts(b""), ("<>".into(), String::new()));
    }

    #[test]
    fn invalid_bytes_become_replacement_characters() {
        assert_eq!(parts(b"j\xffe@example.com"), ("j\u{fffd}e".into(), "example.com".into()));
    }

    #[test]
    fn a_part_of_a_line_is_found_again() {
        let line = String::from("from=<jos\u{e9}@example.com>");
        let bytes = line.as_bytes();
        for range in [0..4, 6..10, 6..bytes.len(), 10..11, 3..3] {
            assert_eq!(part(&line, &bytes[range.clone()]), lossy(&bytes[range]));
        }
        assert_eq!(part(&line, b"elsewhere"), "elsewhere");
        assert_eq!(part("", bytes), line);
    }

    #[test]
    fn spans_give_back_what_was_added() {
        let mut texts = Texts::default();
        let (first, none, second) = (texts.add("one"), texts.add(""), texts.add("two"));
        assert_eq!((texts.get(first), texts.get(none), texts.get(second)), ("one", "", "two"));
    }
}
