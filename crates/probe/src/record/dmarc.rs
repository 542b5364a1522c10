//! DMARC policy records (RFC 9989 section 4.7 and 4.8).

use super::tags::{Tags, begins_with, wrong_record};
use super::{Read, ReportUri};

/// What is to happen with mail that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Nothing: reports only.
    None,
    /// Treat as suspicious.
    Quarantine,
    /// Refuse.
    Reject,
}

impl Policy {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Policy::None, Policy::Quarantine, Policy::Reject].into_iter().find(|policy| policy.word().eq_ignore_ascii_case(text))
    }

    /// One level lower, as `t=y` asks for (RFC 9989 section 4.7, `t`).
    pub const fn lowered(self) -> Self {
        match self {
            Policy::Reject => Policy::Quarantine,
            Policy::Quarantine | Policy::None => Policy::None,
        }
    }
}

/// Is the domain one under which others register (`psd`)?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suffix {
    /// `y`: a public suffix.
    Yes,
    /// `n`: an organisational domain of its own.
    No,
    /// `u` or nothing: found by the tree walk.
    #[default]
    Unknown,
}

/// What a record says, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dmarc {
    /// `p`: for the domain itself.
    pub policy: Policy,
    /// `p` stands in the record and is one of the three.
    pub explicit: bool,
    /// `sp`: for existing subdomains.
    pub subdomains: Option<Policy>,
    /// `np`: for subdomains that do not exist.
    pub nonexistent: Option<Policy>,
    /// `adkim=s`: the DKIM domain has to be the same.
    pub strict_dkim: bool,
    /// `aspf=s`: the SPF domain has to be the same.
    pub strict_spf: bool,
    /// `t=y`: policies are lowered by one level.
    pub testing: bool,
    /// `psd`.
    pub suffix: Suffix,
    /// `rua`: where aggregate reports go.
    pub aggregate: Vec<ReportUri>,
    /// `ruf`: where failure reports go.
    pub failure: Vec<ReportUri>,
    /// `pct` of RFC 7489, which receivers that do not know RFC 9989 still honour.
    pub percent: Option<u8>,
}

const KNOWN: &[&str] = &["v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "rua", "ruf", "t", "pct", "rf", "ri"];
const REMOVED: &[&str] = &["pct", "rf", "ri"];

impl Dmarc {
    /// The policy for existing subdomains.
    pub fn for_subdomains(&self) -> Policy {
        self.subdomains.unwrap_or(self.policy)
    }

    /// The policy for subdomains that do not exist (`np`, else `sp`, else `p`).
    pub fn for_nonexistent(&self) -> Policy {
        self.nonexistent.unwrap_or_else(|| self.for_subdomains())
    }

    /// What receivers are asked to do with mail of the domain that fails, `t` taken into account.
    pub const fn effective(&self) -> Policy {
        if self.testing { self.policy.lowered() } else { self.policy }
    }
}

/// Is this text a DMARC record (section 4.10: others at `_dmarc` are discarded)?
pub fn is_record(text: &str) -> bool {
    begins_with(text, "DMARC1")
}

/// Reads a record.
pub fn read(text: &str) -> Read<Dmarc> {
    if !is_record(text) {
        return Read::useless(wrong_record(text, "v=DMARC1"));
    }
    let tags = Tags::read(text);
    let mut faults = tags.faults.clone();
    let mut notes = Vec::new();
    let aggregate = addresses(&tags, "rua", &mut faults, &mut notes);
    let failure = addresses(&tags, "ruf", &mut faults, &mut notes);
    let policy = choice(&tags, "p", &mut faults, Policy::read);
    let mut dmarc = Dmarc {
        policy: policy.unwrap_or(Policy::None),
        explicit: policy.is_some(),
        subdomains: choice(&tags, "sp", &mut faults, Policy::read),
        nonexistent: choice(&tags, "np", &mut faults, Policy::read),
        strict_dkim: choice(&tags, "adkim", &mut faults, alignment).unwrap_or(false),
        strict_spf: choice(&tags, "aspf", &mut faults, alignment).unwrap_or(false),
        testing: choice(&tags, "t", &mut faults, yes_or_no).unwrap_or(false),
        suffix: choice(&tags, "psd", &mut faults, suffix).unwrap_or_default(),
        aggregate,
        failure,
        percent: None,
    };
    choice(&tags, "fo", &mut faults, |text| failure_options(text).then_some(()));
    dmarc.percent = tags.get("pct").and_then(|text| text.parse().ok()).filter(|percent| *percent <= 100);
    remarks(&tags, &mut notes);
    // Section 4.10.1: without a usable `p` a record counts only for its reports.
    if policy.is_none() && dmarc.aggregate.is_empty() {
        faults.push("neither a policy (`p`) nor an address for reports (`rua`): the record does nothing".to_owned());
        return Read { value: None, faults, notes };
    }
    if tags.get("p").is_none() {
        notes.push("without `p` the policy is `none`; receivers that know only RFC 7489 ignore the record".to_owned());
    }
    Read { value: Some(dmarc), faults, notes }
}

fn remarks(tags: &Tags, notes: &mut Vec<String>) {
    for tag in REMOVED {
        if let Some(value) = tags.get(tag) {
            notes.push(format!("`{tag}={value}`: RFC 9989 removed this tag; older receivers may still honour it"));
        }
    }
    notes.extend(tags.unknown(KNOWN).map(|tag| format!("`{tag}` is no tag of DMARC and is ignored")));
    let second = tags.list.get(1).map(|(tag, _)| tag.as_str());
    if tags.get("p").is_some() && second != Some("p") {
        notes.push("older receivers want `p` right after `v`".to_owned());
    }
}

fn choice<Value>(tags: &Tags, tag: &str, faults: &mut Vec<String>, read: impl Fn(&str) -> Option<Value>) -> Option<Value> {
    let text = tags.get(tag)?;
    let value = read(text);
    if value.is_none() {
        faults.push(format!("`{tag}={text}` is no value of `{tag}`"));
    }
    value
}

fn alignment(text: &str) -> Option<bool> {
    match text {
        "r" | "R" => Some(false),
        "s" | "S" => Some(true),
        _ => None,
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" => Some(true),
        "n" | "N" => Some(false),
        _ => None,
    }
}

fn suffix(text: &str) -> Option<Suffix> {
    match text {
        "y" | "Y" => Some(Suffix::Yes),
        "n" | "N" => Some(Suffix::No),
        "u" | "U" => Some(Suffix::Unknown),
        _ => None,
    }
}

fn failure_options(text: &str) -> bool {
    text.split(':').all(|option| ["0", "1", "d", "s"].iter().any(|known| known.eq_ignore_ascii_case(option.trim())))
}

fn addresses(tags: &Tags, tag: &str, faults: &mut Vec<String>, notes: &mut Vec<String>) -> Vec<ReportUri> {
    let Some(text) = tags.get(tag) else { return Vec::new() };
    let mut found = Vec::new();
    for part in text.split(',') {
        match ReportUri::parse(part, false) {
            Ok((uri, sized)) => {
                if sized {
                    notes.push(format!("`{}`: size limits are obsolete and ignored", part.trim()));
                }
                found.push(uri);
            }
            Err(error) => faults.push(format!("`{tag}`: {error}")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_record() {
        let read = read("v=DMARC1; p=Reject; sp=quarantine; adkim=s; t=y; psd=n; fo=1:d; rua=mailto:a@example.com,mailto:b@example.net");
        let dmarc = read.value.clone().unwrap();
        assert!(read.is_valid() && read.notes.is_empty(), "{read:?}");
        assert_eq!(
            (dmarc.policy, dmarc.effective(), dmarc.for_subdomains(), dmarc.for_nonexistent()),
            (Policy::Reject, Policy::Quarantine, Policy::Quarantine, Policy::Quarantine)
        );
        assert!(dmarc.strict_dkim && !dmarc.strict_spf && dmarc.suffix == Suffix::No);
        assert_eq!(dmarc.aggregate.len(), 2);
    }

    #[test]
    fn white_space_and_case_mean_nothing_where_the_grammar_says_so() {
        for text in ["v=DMARC1;p=ReJect", "v = DMARC1 ;\tp \t=\treject\t;", "V=DMARC1;p=reject;"] {
            assert!(read(text).is_valid(), "{text}");
        }
    }

    #[test]
    fn faults_are_named_and_the_rest_still_counts() {
        for (text, useful) in [
            ("v=DMARC1; p=foo; rua=mailto:a@example.com", true),
            ("v=DMARC1; p=reject; np=x", true),
            ("v=DMARC1; p=reject; psd=x", true),
            ("v=DMARC1; p=reject; t=x", true),
            ("v=DMARC1; p=reject; fo=2", true),
            ("v=DMARC1; p=reject; p=none", true),
            ("v=DMARC1; p=none; rua=a@example.com", true),
            ("v=DMARC1; p", false),
            ("v=DMARC1", false),
            ("v=spf1 -all", false),
            ("v=DMARC1 p=none", false),
        ] {
            let read = read(text);
            assert!(!read.is_valid(), "{text}");
            assert_eq!(read.value.is_some(), useful, "{text}");
        }
    }

    #[test]
    fn removed_and_unknown_tags_are_noted() {
        let read = read("v=DMARC1; sp=none; p=reject; pct=50; ri=abc; xyz=1; rua=mailto:a@example.com!10m");
        assert!(read.is_valid());
        assert_eq!(read.notes.len(), 5, "{:?}", read.notes);
        assert_eq!(read.value.unwrap().percent, Some(50));
    }

    #[test]
    fn without_a_policy_it_is_for_reports_only() {
        let read = read("v=DMARC1; rua=mailto:a@example.com");
        assert!(read.is_valid() && !read.value.as_ref().unwrap().explicit);
        assert_eq!(read.value.unwrap().policy, Policy::None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
        #[test]
        fn nothing_panics(text in "v=DMARC1[;= a-z,:!%@.ä]{0,60}") {
            let _ = read(&text);
        }
    }
}
