//! The grammar of an SPF record (RFC 7208 sections 4.6, 5, 6 and 12).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::macros::{Macros, Piece};

/// What a term says about a client that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or none.
    Pass,
    /// `-`.
    Fail,
    /// `~`.
    SoftFail,
    /// `?`.
    Neutral,
}

impl Qualifier {
    /// The sign that stands for it.
    pub const fn sign(self) -> char {
        match self {
            Qualifier::Pass => '+',
            Qualifier::Fail => '-',
            Qualifier::SoftFail => '~',
            Qualifier::Neutral => '?',
        }
    }
}

/// How long the prefixes are that are compared, for each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Bits of an IPv4 address, at most 32.
    pub four: u8,
    /// Bits of an IPv6 address, at most 128.
    pub six: u8,
}

impl Prefix {
    /// Whole addresses.
    pub const WHOLE: Prefix = Prefix { four: 32, six: 128 };
}

/// What a client is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Everybody.
    All,
    /// Who passes the record of another domain.
    Include(Macros),
    /// The addresses of a host (without a name: of the domain itself).
    A(Option<Macros>, Prefix),
    /// The addresses of the MX hosts of a domain.
    Mx(Option<Macros>, Prefix),
    /// Whose validated name is in a domain (section 5.5: do not use).
    Ptr(Option<Macros>),
    /// A network.
    Ip(IpAddr, u8),
    /// Everybody, if this name has an A record.
    Exists(Macros),
}

impl Mechanism {
    /// Does it count against the limit of lookups (section 4.6.4)?
    pub const fn looks_up(&self) -> bool {
        !matches!(self, Mechanism::All | Mechanism::Ip(..))
    }
}

/// A mechanism with its qualifier, and as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What is compared.
    pub mechanism: Mechanism,
    /// As it stands in the record.
    pub text: String,
}

/// A record that can be evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Mechanisms, in order.
    pub terms: Vec<Term>,
    /// Whose record decides when no term matches.
    pub redirect: Option<Macros>,
    /// Where the text for refused senders is.
    pub explanation: Option<Macros>,
    /// Modifiers that RFC 7208 does not know; they mean nothing.
    pub unknown: Vec<String>,
}

/// Where a record leaves the grammar, and how. Its evaluation is `permerror`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxError {
    /// The term at fault.
    pub term: String,
    /// What is wrong with it.
    pub what: String,
}

impl SyntaxError {
    pub(super) fn new(term: &str, what: impl Into<String>) -> Self {
        SyntaxError { term: term.to_owned(), what: what.into() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.term, self.what)
    }
}

impl Record {
    /// Reads a record, `v=spf1` included. The first error ends it, as it ends every evaluation (section 4.6).
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if !super::is_record(text) {
            return Err(SyntaxError::new(text, "does not begin with `v=spf1`"));
        }
        let mut record = Record::default();
        for term in text[6..].split(' ').filter(|term| !term.is_empty()) {
            record.read(term)?;
        }
        Ok(record)
    }

    /// Every error of a record, for who has to mend it.
    pub fn errors(text: &str) -> Vec<SyntaxError> {
        if !super::is_record(text) {
            return vec![SyntaxError::new(text, "does not begin with `v=spf1`")];
        }
        let mut record = Record::default();
        text[6..].split(' ').filter(|term| !term.is_empty()).filter_map(|term| record.read(term).err()).collect()
    }

    /// The term `all`, if there is one.
    pub fn all(&self) -> Option<&Term> {
        self.terms.iter().find(|term| term.mechanism == Mechanism::All)
    }

    /// How many terms count against the limit of lookups here, what they lead to left out.
    pub fn lookups(&self) -> u32 {
        let terms = self.terms.iter().filter(|term| term.mechanism.looks_up()).count();
        terms as u32 + u32::from(self.redirect.is_some() && self.all().is_none())
    }

    fn read(&mut self, term: &str) -> Result<(), SyntaxError> {
        match modifier(term) {
            Some(("redirect", value)) => set(&mut self.redirect, term, value),
            Some(("exp", value)) => set(&mut self.explanation, term, value),
            Some((name, value)) => {
                Macros::parse(value, false)?;
                self.unknown.push(name.to_owned());
                Ok(())
            }
            None => {
                self.terms.push(directive(term)?);
                Ok(())
            }
        }
    }
}

fn set(place: &mut Option<Macros>, term: &str, value: &str) -> Result<(), SyntaxError> {
    if place.is_some() {
        return Err(SyntaxError::new(term, "stands twice"));
    }
    *place = Some(domain_spec(term, value)?);
    Ok(())
}

/// `name=value`, where the name is one that modifiers can have.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let good = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let known = ["redirect", "exp"].into_iter().find(|known| known.eq_ignore_ascii_case(name));
    good.then(|| (known.unwrap_or(name), value))
}

fn directive(text: &str) -> Result<Term, SyntaxError> {
    let (qualifier, rest) = match text.chars().next() {
        Some('+') => (Qualifier::Pass, &text[1..]),
        Some('-') => (Qualifier::Fail, &text[1..]),
        Some('~') => (Qualifier::SoftFail, &text[1..]),
        Some('?') => (Qualifier::Neutral, &text[1..]),
        _ => (Qualifier::Pass, text),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(end);
    let mechanism = mechanism(text, &name.to_ascii_lowercase(), argument)?;
    Ok(Term { qualifier, mechanism, text: text.to_owned() })
}

fn mechanism(term: &str, name: &str, argument: &str) -> Result<Mechanism, SyntaxError> {
    let needed =
        || argument.strip_prefix(':').filter(|rest| !rest.is_empty()).ok_or_else(|| SyntaxError::new(term, "needs `:` and a value"));
    match name {
        "all" if argument.is_empty() => Ok(Mechanism::All),
        "all" => Err(SyntaxError::new(term, "`all` takes no value")),
        "include" => Ok(Mechanism::Include(domain_spec(term, needed()?)?)),
        "exists" => Ok(Mechanism::Exists(domain_spec(term, needed()?)?)),
        "a" | "mx" => {
            let (domain, prefix) = domain_and_prefix(term, argument)?;
            Ok(if name == "a" { Mechanism::A(domain, prefix) } else { Mechanism::Mx(domain, prefix) })
        }
        "ptr" if argument.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => Ok(Mechanism::Ptr(Some(domain_spec(term, needed()?)?))),
        "ip4" => ip4(term, needed()?),
        "ip6" => ip6(term, needed()?),
        _ => Err(SyntaxError::new(term, unknown_mechanism(name))),
    }
}

fn unknown_mechanism(name: &str) -> String {
    let hint = match name {
        "ipv4" => "; meant `ip4`?",
        "ipv6" => "; meant `ip6`?",
        "" => "; a space too many after the sign?",
        _ => "",
    };
    format!("no such mechanism{hint}")
}

/// `[":" domain-spec] [dual-cidr-length]`.
fn domain_and_prefix(term: &str, argument: &str) -> Result<(Option<Macros>, Prefix), SyntaxError> {
    let (domain, prefix) = argument.split_at(prefix_start(argument));
    let domain = match domain.strip_prefix(':') {
        Some(domain) => Some(domain_spec(term, domain)?),
        None if domain.is_empty() => None,
        None => return Err(SyntaxError::new(term, "needs `:` before a name")),
    };
    Ok((domain, dual_prefix(term, prefix)?))
}

/// Where the prefix lengths begin: slashes and digits at the very end. Other slashes belong to the name (section 7.1, macro-literal).
fn prefix_start(argument: &str) -> usize {
    let before = |text: &str, slash: &str| {
        let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
        text[..text.len() - digits].strip_suffix(slash).map(str::len)
    };
    let six = before(argument, "//").unwrap_or(argument.len());
    before(&argument[..six], "/").unwrap_or(six)
}

/// `["/" ip4-length] ["//" ip6-length]`.
fn dual_prefix(term: &str, text: &str) -> Result<Prefix, SyntaxError> {
    let (four, six) = match text.split_once("//") {
        Some((four, six)) => (four, Some(six)),
        None => (text, None),
    };
    let four = match four.strip_prefix('/') {
        Some(digits) => length(term, digits, 32)?,
        None => 32,
    };
    let six = match six {
        Some(digits) => length(term, digits, 128)?,
        None => 128,
    };
    Ok(Prefix { four, six })
}

fn length(term: &str, digits: &str, most: u8) -> Result<u8, SyntaxError> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let value = digits.parse::<u8>().ok().filter(|value| plain && *value <= most);
    value.ok_or_else(|| SyntaxError::new(term, format!("`/{digits}` is not a prefix length of 0 to {most}")))
}

fn ip4(term: &str, text: &str) -> Result<Mechanism, SyntaxError> {
    let (address, bits) = match text.split_once('/') {
        Some((address, digits)) => (address, length(term, digits, 32)?),
        None => (text, 32),
    };
    let address: Ipv4Addr = address.parse().map_err(|_| SyntaxError::new(term, format!("`{address}` is not an IPv4 address")))?;
    Ok(Mechanism::Ip(address.into(), bits))
}

fn ip6(term: &str, text: &str) -> Result<Mechanism, SyntaxError> {
    let (address, bits) = match text.split_once('/') {
        Some((address, digits)) => (address, length(term, digits, 128)?),
        None => (text, 128),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| SyntaxError::new(term, format!("`{address}` is not an IPv6 address")))?;
    Ok(Mechanism::Ip(address.into(), bits))
}

/// `domain-spec`: a macro string that ends in a top label or in a macro (section 7.1).
fn domain_spec(term: &str, text: &str) -> Result<Macros, SyntaxError> {
    let macros = Macros::parse(text, false).map_err(|error| SyntaxError::new(term, error.what))?;
    // `%%`, `%_` and `%-` at the end are macros as well and need no top label.
    let ends_in_macro =
        matches!(macros.pieces.last(), Some(Piece::Expand(_))) || text.ends_with("%%") || text.ends_with("%_") || text.ends_with("%-");
    if ends_in_macro || ends_in_top_label(text) {
        Ok(macros)
    } else {
        Err(SyntaxError::new(term, format!("`{text}` is not a domain name")))
    }
}

fn ends_in_top_label(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let Some((_, label)) = text.rsplit_once('.') else { return false };
    let good = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let edges = !label.starts_with('-') && !label.ends_with('-');
    !label.is_empty() && good && edges && !label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Record::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_record_with_everything() {
        let record = Record::parse(
            "V=SPF1 +a A:mx.example.com/24//64 mx//96 -ip4:192.0.2.0/24 ip6:2001:db8::/32 ?include:%{d2} ~exists:%{i}.x.example PTR moo=%{s} exp=e.example -all",
        )
        .unwrap();
        assert_eq!(record.terms.len(), 9);
        assert_eq!(
            record.terms[1].mechanism,
            Mechanism::A(Some(Macros::parse("mx.example.com", false).unwrap()), Prefix { four: 24, six: 64 })
        );
        assert_eq!(record.terms[3].mechanism, Mechanism::Ip("192.0.2.0".parse().unwrap(), 24));
        assert_eq!((record.lookups(), record.unknown.as_slice()), (6, &["moo".to_owned()][..]));
        assert!(record.explanation.is_some() && record.redirect.is_none());
        assert_eq!(record.all().unwrap().qualifier, Qualifier::Fail);
    }

    #[test]
    fn what_is_no_record() {
        for text in ["v=spf10 -all", "v=spf1-all", " v=spf1 -all", "spf1", "", "v=spf"] {
            assert!(Record::parse(text).is_err(), "{text}");
        }
        assert!(Record::parse("v=spf1").unwrap().terms.is_empty());
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fault("v=spf1 ipv4:192.0.2.1 -all"), "`ipv4:192.0.2.1`: no such mechanism; meant `ip4`?");
        assert_eq!(fault("v=spf1 include: example.com -all"), "`include:`: needs `:` and a value");
        for text in [
            "v=spf1 ip4:192.0.2.1/33",
            "v=spf1 ip4:192.0.2.1/032",
            "v=spf1 ip4:192.0.2",
            "v=spf1 ip4:2001:db8::1",
            "v=spf1 ip6:192.0.2.1",
            "v=spf1 ip6:2001:db8::/129",
            "v=spf1 a/",
            "v=spf1 a//",
            "v=spf1 a:/24",
            "v=spf1 a:example.com:8080",
            "v=spf1 all.",
            "v=spf1 -all:x.example",
            "v=spf1 a:localhost",
            "v=spf1 a:192.0.2.1",
            "v=spf1 redirect=a.example redirect=b.example",
            "v=spf1 exp=",
            "v=spf1 exists",
            "v=spf1 ptr/24",
            "v=spf1 a:%{z}.example",
            "v=spf1 x=%",
            "v=spf1 ip4:192.0.2.1~all",
            "v=spf1 -",
            "v=spf1 mx:-x-",
        ] {
            assert!(Record::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn slashes_and_colons_in_names() {
        let record = Record::parse("v=spf1 a:foo:bar/baz.example.com mx:x/1.example.com/24 a:%{d/}//64 -all").unwrap();
        let texts = |term: &Term| match &term.mechanism {
            Mechanism::A(Some(name), prefix) | Mechanism::Mx(Some(name), prefix) => (name.pieces.len(), *prefix),
            _ => (0, Prefix::WHOLE),
        };
        assert_eq!(texts(&record.terms[0]), (1, Prefix::WHOLE));
        assert_eq!(texts(&record.terms[1]), (1, Prefix { four: 24, six: 128 }));
        assert_eq!(texts(&record.terms[2]), (1, Prefix { four: 32, six: 64 }));
    }

    #[test]
    fn every_fault_is_listed_for_who_mends() {
        assert_eq!(Record::errors("v=spf1 ipv4:192.0.2.1 foo a -all").len(), 2);
        assert!(Record::errors("v=spf1 a -all").is_empty());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn nothing_panics(text in "v=spf1 [-+~?a-z0-9:/%{}.= ä]{0,40}") {
            let _ = Record::parse(&text);
        }
    }
}
