//! The macro language of SPF (RFC 7208 section 7): read once with the record, expanded for each client.

use std::net::IpAddr;

use super::record::SyntaxError;

/// One piece of a macro string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Literal(String),
    /// `%{...}`.
    Expand(Expand),
}

/// `%{` letter, how many parts of it, reversed or not, split at what `}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expand {
    /// The letter, in lower case.
    pub letter: char,
    /// An upper-case letter: the value is written in URL form.
    pub escape: bool,
    /// How many parts from the right are kept.
    pub keep: Option<usize>,
    /// The parts are reversed first.
    pub reverse: bool,
    /// Where the value is split; `.` when empty.
    pub delimiters: String,
}

/// A string with macros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros {
    /// Its pieces in order.
    pub pieces: Vec<Piece>,
}

/// The values that macros stand for (RFC 7208 section 7.2).
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// The sender's local part; `postmaster` when it has none.
    pub local: &'a str,
    /// The domain of the sender.
    pub sender_domain: &'a str,
    /// The domain whose record is being read.
    pub domain: &'a str,
    /// The client's address.
    pub ip: IpAddr,
    /// The client's validated name, for `p`; `unknown` when there is none.
    pub validated: &'a str,
    /// What the client said in HELO.
    pub helo: &'a str,
    /// The name of the receiving host, for `r`.
    pub receiver: &'a str,
    /// Seconds since the epoch, for `t`.
    pub now: i64,
}

impl Macros {
    /// Reads a macro string. `c`, `r` and `t` are for explanations only (section 7.2).
    pub fn parse(text: &str, in_explanation: bool) -> Result<Self, SyntaxError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if next != '%' {
                if !(('\u{21}'..='\u{7e}').contains(&next) || (in_explanation && next == ' ')) {
                    return Err(SyntaxError::new(text, "a byte that is not printable ASCII"));
                }
                literal.push(next);
                rest = &rest[1..];
                continue;
            }
            let after = &rest[1..];
            let plain = match after.chars().next() {
                Some('%') => "%",
                Some('_') => " ",
                Some('-') => "%20",
                Some('{') => "",
                _ => return Err(SyntaxError::new(text, "`%` without `{`, `%`, `_` or `-` after it")),
            };
            if !plain.is_empty() {
                literal.push_str(plain);
                rest = &after[1..];
                continue;
            }
            let (inside, after) = after[1..].split_once('}').ok_or_else(|| SyntaxError::new(text, "`%{` without `}`"))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Expand(
                expand(inside, in_explanation).ok_or_else(|| SyntaxError::new(text, format!("`%{{{inside}}}` is not a macro")))?,
            ));
            rest = after;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Macros { pieces })
    }

    /// Does it depend on the client or sender?
    pub fn is_dynamic(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Expand(expand) if expand.letter != 'd'))
    }

    /// Does it use the validated name of the client?
    pub fn uses_validated_name(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Expand(expand) if expand.letter == 'p'))
    }

    /// The text with every macro replaced.
    pub fn expand(&self, values: &Values<'_>) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Expand(expand) => expand.value(values),
            })
            .collect()
    }

    /// As [`Macros::expand`], as a name to ask for: over 253 bytes whole labels are dropped from the left (section 7.3).
    pub fn expand_to_name(&self, values: &Values<'_>) -> String {
        let full = self.expand(values);
        let mut name = full.strip_suffix('.').unwrap_or(&full);
        while name.len() > 253 {
            match name.split_once('.') {
                Some((_, rest)) => name = rest,
                None => break,
            }
        }
        name.to_owned()
    }
}

fn expand(inside: &str, in_explanation: bool) -> Option<Expand> {
    let letter = inside.chars().next()?;
    let lower = letter.to_ascii_lowercase();
    let known = "slodiphv".contains(lower) || (in_explanation && "crt".contains(lower));
    if !known {
        return None;
    }
    let rest = &inside[1..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let keep = match &rest[..digits] {
        "" => None,
        // A number too large to hold keeps everything.
        digits => Some(digits.parse::<usize>().unwrap_or(usize::MAX)).filter(|keep| *keep != 0),
    };
    if digits > 0 && keep.is_none() {
        return None;
    }
    let rest = &rest[digits..];
    let (reverse, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !delimiters.chars().all(|delimiter| ".-+,/_=".contains(delimiter)) {
        return None;
    }
    Some(Expand { letter: lower, escape: letter.is_ascii_uppercase(), keep, reverse, delimiters: delimiters.to_owned() })
}

impl Expand {
    fn value(&self, values: &Values<'_>) -> String {
        let raw = self.raw(values);
        let value = if self.keep.is_none() && !self.reverse && self.delimiters.is_empty() { raw } else { self.transform(&raw) };
        if self.escape { url_escape(&value) } else { value }
    }

    fn raw(&self, values: &Values<'_>) -> String {
        match self.letter {
            's' => format!("{}@{}", values.local, values.sender_domain),
            'l' => values.local.to_owned(),
            'o' => values.sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(values.ip),
            'p' => values.validated.to_owned(),
            'h' => values.helo.to_owned(),
            'v' => if values.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            'c' => values.ip.to_string(),
            'r' => values.receiver.to_owned(),
            't' => values.now.to_string(),
            // The parser lets no other letter through.
            _ => String::new(),
        }
    }

    fn transform(&self, raw: &str) -> String {
        let delimiters = if self.delimiters.is_empty() { "." } else { &self.delimiters };
        let mut parts: Vec<&str> = raw.split(|letter| delimiters.contains(letter)).collect();
        if self.reverse {
            parts.reverse();
        }
        let skip = self.keep.map_or(0, |keep| parts.len().saturating_sub(keep));
        parts[skip..].join(".")
    }
}

/// `i`: an IPv6 address as 32 nibbles with dots; in capitals, as explanations of other implementations show them.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
            nibbles.map(|nibble| format!("{nibble:X}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// Everything but unreserved characters (RFC 3986 section 2.3) as `%xx`.
fn url_escape(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let values = Values {
            local: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            ip: "192.0.2.3".parse().unwrap(),
            validated: "mx.example.org",
            helo: "mail.example.net",
            receiver: "here.example",
            now: 12,
        };
        Macros::parse(text, true).unwrap().expand(&values)
    }

    /// The examples of RFC 7208 section 7.4.
    #[test]
    fn as_the_rfc_shows() {
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{S}%%%_%-", "strong-bad%40email.example.com% %20"),
        ] {
            assert_eq!(expanded(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_of_version_6_is_nibbles() {
        assert!(dotted("2001:db8::cb01".parse().unwrap()).starts_with("2.0.0.1.0.D.B.8.0"));
        assert!(dotted("2001:db8::cb01".parse().unwrap()).ends_with(".C.B.0.1"));
    }

    #[test]
    fn what_is_not_a_macro() {
        for text in ["%", "%a", "%{", "%{x}", "%{d0}", "%{}", "%{d2r!}", "%{c}", "a b", "\u{e4}"] {
            assert!(Macros::parse(text, false).is_err(), "{text}");
        }
        assert!(Macros::parse("%{c} %{r} %{t}", true).is_ok());
    }

    #[test]
    fn a_long_name_loses_labels_from_the_left() {
        let text = format!("{}.example.com", vec!["abcdefghij"; 30].join("."));
        let values = Values {
            local: "",
            sender_domain: "",
            domain: "",
            ip: "192.0.2.3".parse().unwrap(),
            validated: "",
            helo: "",
            receiver: "",
            now: 0,
        };
        let name = Macros::parse(&text, false).unwrap().expand_to_name(&values);
        assert!(name.len() <= 253 && name.ends_with("abcdefghij.example.com") && name.starts_with("abcdefghij."));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn nothing_panics(text in "[%{}a-z0-9.\\-ä ]{0,30}") {
            if let Ok(macros) = Macros::parse(&text, true) {
                let values = Values { local: "l", sender_domain: "o.example", domain: "d.example", ip: "2001:db8::1".parse().unwrap(),
                    validated: "p", helo: "h", receiver: "r", now: 1 };
                let _ = macros.expand_to_name(&values);
            }
        }
    }
}
