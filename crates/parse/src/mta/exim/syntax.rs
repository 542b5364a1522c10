//! The parts that Exim's lines share: hosts, tags (`K=value`), durations, addresses in angle brackets.

use super::Host;
use crate::syntax::{find_byte, number, skip_blanks, split_at};

/// A host at the start of a text, and what follows: `name (helo) [address]:port`, `(helo) [address]`, `[address]`, or a bare name.
/// `*` after it says that the connection was used before.
pub(super) fn host(text: &[u8]) -> (Host<'_>, bool, &[u8]) {
    let mut host = Host::default();
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'[' | b'(')).unwrap_or(text.len());
    host.name = &text[..end];
    let mut rest = &text[end..];
    if let Some((helo, after)) = helo(skip_one(rest)) {
        host.helo = helo;
        rest = after;
    }
    // DNSSEC is noted between the name and the address.
    rest = rest.strip_prefix(b" DS").filter(|after| after.starts_with(b" [")).unwrap_or(rest);
    let Some((ip, after)) = bracketed(skip_one(rest)) else {
        return bare_name(host, rest);
    };
    host.ip = ip;
    rest = after;
    if let [b':', digits @ ..] = rest
        && let Some((port, after)) = number(digits)
        && let Ok(port) = u16::try_from(port)
    {
        host.port = port;
        rest = after;
    }
    let reused = rest.first() == Some(&b'*');
    (host, reused, if reused { &rest[1..] } else { rest })
}

/// A host without an address: a colon at its end belongs to what follows.
fn bare_name<'a>(mut host: Host<'a>, rest: &'a [u8]) -> (Host<'a>, bool, &'a [u8]) {
    let Some(name) = host.name.strip_suffix(b":") else { return (host, false, rest) };
    if rest.is_empty() || rest.first() == Some(&b' ') {
        // The colon and what follows are one run of bytes: give the run back.
        let whole = host.name;
        host.name = name;
        return (host, false, if rest.is_empty() { &whole[name.len()..] } else { rest });
    }
    (host, false, rest)
}

fn skip_one(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// `(helo)` at the start: it ends at the first closing parenthesis before a blank or the end.
fn helo(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"(")?;
    let mut from = 0;
    loop {
        let at = from + find_byte(&inside[from..], b')')?;
        if matches!(inside.get(at + 1), None | Some(b' ' | b':')) {
            return Some((&inside[..at], &inside[at + 1..]));
        }
        from = at + 1;
    }
}

/// `[address]` at the start. What stands in brackets is an address or nothing.
pub(super) fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"[")?;
    let end = find_byte(inside, b']')?;
    let address = &inside[..end];
    let looks =
        !address.is_empty() && address.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'%' | b'_' | b'-'));
    looks.then(|| (address, &inside[end + 1..]))
}

/// Milliseconds of `3s`, `0.304s`, `1m2s`, `1d2h3m4s`.
pub(crate) fn duration(text: &[u8]) -> Option<u32> {
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (whole, after) = number(rest)?;
        let (micros, after) = crate::syntax::fraction(after);
        let (unit, after) = after.split_first()?;
        let factor = match unit {
            b'w' => 604_800_000,
            b'd' => 86_400_000,
            b'h' => 3_600_000,
            b'm' => 60_000,
            b's' => 1000,
            _ => return None,
        };
        let fraction = if *unit == b's' { u64::try_from(micros / 1000).unwrap_or(0) } else { 0 };
        total = total.saturating_add(whole.saturating_mul(factor)).saturating_add(fraction);
        rest = after;
    }
    (!text.is_empty()).then(|| u32::try_from(total).unwrap_or(u32::MAX))
}

/// One tag of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tag<'a> {
    /// `F`, `id`, `CV`; the whole word of a bare tag (`K`, `L*`).
    pub(crate) key: &'a [u8],
    /// The value without its quotes or angle brackets; for `H` the host.
    pub(crate) value: &'a [u8],
    /// The host of an `H` or `I` tag.
    pub(crate) host: Host<'a>,
    /// Whether its connection was used before.
    pub(crate) reused: bool,
}

/// The tags of a line, one by one. They end at a colon before a blank (the text follows), at a word that is no tag, or with the line.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    rest: &'a [u8],
    /// The text after a colon.
    text: Option<&'a [u8]>,
}

impl<'a> Tags<'a> {
    /// The tags at the start of a text.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        match text.strip_prefix(b": ") {
            Some(after) => Tags { rest: &text[text.len()..], text: Some(skip_blanks(after)) },
            None => Tags { rest: text, text: None },
        }
    }

    /// What follows the colon after the tags.
    pub(super) const fn text(&self) -> Option<&'a [u8]> {
        self.text
    }

    /// What was not read: it begins with a word that is no tag.
    pub(super) fn rest(&self) -> &'a [u8] {
        skip_blanks(self.rest)
    }

    /// Takes the value off, up to a blank; a colon at its end ends the tags.
    fn plain_value(&mut self, value: &'a [u8]) -> &'a [u8] {
        let end = find_byte(value, b' ').unwrap_or(value.len());
        let (word, rest) = (&value[..end], &value[end..]);
        match word.strip_suffix(b":") {
            Some(word) => {
                self.ends_with(rest);
                word
            }
            None => {
                self.rest = rest;
                word
            }
        }
    }

    /// `U=spaced user P=local`: a login may hold blanks, and the protocol stands after it.
    fn user_value(&mut self, value: &'a [u8]) -> &'a [u8] {
        match split_at(value, b" P=") {
            Some((user, _)) if user.contains(&b' ') && !user.contains(&b'=') && !user.contains(&b':') => {
                self.rest = &value[user.len()..];
                user
            }
            _ => self.plain_value(value),
        }
    }

    /// `ST=transport (why the shadow transport failed)`: the reason is prose, and tags follow it.
    fn skip_shadow_error(&mut self) {
        if let Some(inside) = self.rest.strip_prefix(b" (")
            && let Some((_, rest)) = split_at(inside, b")")
        {
            self.rest = rest;
        }
    }

    /// The colon was met: `rest` is the text.
    fn ends_with(&mut self, rest: &'a [u8]) {
        self.text = Some(skip_blanks(rest));
        self.rest = &rest[rest.len()..];
    }

    /// What follows a value that ended by itself.
    fn after(&mut self, rest: &'a [u8]) {
        match rest {
            [b':', b' ', text @ ..] => self.ends_with(text),
            [b':'] => self.ends_with(&rest[1..]),
            _ => self.rest = rest,
        }
    }

    fn host_value(&mut self, value: &'a [u8]) -> (&'a [u8], Host<'a>, bool) {
        let (host, reused, rest) = host(value);
        let length = value.len() - rest.len();
        self.after(rest);
        (&value[..length], host, reused)
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let text = skip_blanks(self.rest);
        let end = find_byte(text, b' ').unwrap_or(text.len());
        let word = &text[..end];
        if let Some(equals) = find_byte(word, b'=')
            && is_key(&word[..equals])
        {
            let (key, value) = (&word[..equals], &text[equals + 1..]);
            let mut tag = Tag { key, value: b"", host: Host::default(), reused: false };
            match value {
                [b'"', inside @ ..] => {
                    let (inner, rest) = quoted(inside);
                    tag.value = inner;
                    self.after(rest);
                }
                [b'<', inside @ ..] if key != b"DN" => {
                    let (inner, rest) = angle(inside);
                    tag.value = inner;
                    self.after(rest);
                }
                _ if matches!(key, b"H" | b"I") => (tag.value, tag.host, tag.reused) = self.host_value(value),
                _ if key == b"U" => tag.value = self.user_value(value),
                _ => tag.value = self.plain_value(value),
            }
            if key == b"ST" {
                self.skip_shadow_error();
            }
            return Some(tag);
        }
        let (bare, ends) = match word.strip_suffix(b":") {
            Some(bare) => (bare, true),
            None => (word, false),
        };
        let alone = ends && bare.is_empty();
        if !is_bare(bare) && !alone {
            return None;
        }
        if ends {
            self.ends_with(&text[end..]);
            // A colon that stands alone names nothing.
            if bare.is_empty() {
                return None;
            }
        } else {
            self.rest = &text[end..];
        }
        Some(Tag { key: bare, value: b"", host: Host::default(), reused: false })
    }
}

/// A tag's name: letters, perhaps a digit or a star (`M8S`, `id*`).
fn is_key(word: &[u8]) -> bool {
    matches!(word.len(), 1..=6) && word[0].is_ascii_alphabetic() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'*')
}

/// Tags without a value.
fn is_bare(word: &[u8]) -> bool {
    matches!(word, b"K" | b"L" | b"L*" | b"L-" | b"L." | b"ARC" | b"SPF" | b"PRDR" | b"TFO" | b"TFO*" | b"DS" | b"*" | b"TCPFO")
}

/// A quoted text, after its opening quote: it ends at a quote that is not escaped and stands before a blank, a colon or the end.
pub(super) fn quoted(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' if matches!(text.get(at + 1), None | Some(b' ' | b':')) => return (&text[..at], &text[at + 1..]),
            _ => at += 1,
        }
    }
    (text, &text[text.len()..])
}

/// An address, after its opening angle bracket: it ends at the first `>` before a blank, a colon or the end. What a quoted local part
/// holds is passed over.
pub(super) fn angle(text: &[u8]) -> (&[u8], &[u8]) {
    let quoted = if text.first() == Some(&b'"') { memchr::memmem::find(text, b"\"@") } else { None };
    let mut from = quoted.unwrap_or(0);
    while let Some(at) = find_byte(&text[from..], b'>') {
        let end = from + at;
        if matches!(text.get(end + 1), None | Some(b' ' | b':')) {
            return (&text[..end], &text[end + 1..]);
        }
        from = end + 1;
    }
    (text, &text[text.len()..])
}
