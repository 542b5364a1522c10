//! MTA-STS: the TXT record that announces a policy, and the policy (RFC 8461 section 3).

use super::Read;
use super::tags::{Tags, begins_with, wrong_record};
use crate::lookup::name;

/// A year and a little: the longest life of a policy (section 3.2).
pub const MAX_AGE_LIMIT: u64 = 31_557_600;
/// Longest policy that is read (section 3.3 recommends 64 KB).
pub const POLICY_LIMIT: usize = 64 * 1024;

/// The announcement: an id that changes with the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Up to 32 letters and digits.
    pub id: String,
}

/// What senders are asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Deliver only to hosts that the policy names, over verified TLS.
    Enforce,
    /// Deliver anyway, and report.
    Testing,
    /// The policy is withdrawn.
    None,
}

impl Mode {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        }
    }
}

/// A policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What senders are asked to do.
    pub mode: Mode,
    /// Patterns of MX hosts, lower case.
    pub mx: Vec<String>,
    /// How long it may be kept, in seconds.
    pub max_age: u64,
}

impl Policy {
    /// Is the MX host one that the policy names? `*.` stands for exactly one label (section 4.1).
    pub fn covers(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(zone) => name::parent(host) == Some(zone) && !zone.is_empty(),
            None => pattern == host,
        })
    }
}

/// Is this text an MTA-STS record?
pub fn is_record(text: &str) -> bool {
    begins_with(text, "STSv1")
}

/// Reads the TXT record at `_mta-sts`.
pub fn read(text: &str) -> Read<Announcement> {
    if !is_record(text) {
        return Read::useless(wrong_record(text, "v=STSv1"));
    }
    let tags = Tags::read(text);
    let mut faults = tags.faults.clone();
    let notes = tags.unknown(&["v", "id"]).map(|tag| format!("`{tag}` is no field of MTA-STS and is ignored")).collect();
    let Some(id) = tags.get("id") else {
        faults.push("no `id`".to_owned());
        return Read { value: None, faults, notes };
    };
    if id.is_empty() || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        faults.push(format!("`id={id}` is not 1 to 32 letters and digits"));
    }
    Read { value: Some(Announcement { id: id.to_owned() }), faults, notes }
}

/// Reads a policy file.
pub fn read_policy(text: &str) -> Read<Policy> {
    let mut faults = Vec::new();
    let mut notes = Vec::new();
    let (mut version, mut mode, mut max_age) = (None, None, None);
    let mut mx = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let Some((key, value)) = line.split_once(':') else {
            faults.push(format!("`{line}` is no `key: value`"));
            continue;
        };
        let value = value.trim();
        match key.trim_end() {
            "version" => once(&mut version, "version", value, &mut faults),
            "mode" => once(&mut mode, "mode", value, &mut faults),
            "max_age" => once(&mut max_age, "max_age", value, &mut faults),
            "mx" => match pattern(value) {
                Some(host) => mx.push(host),
                None => faults.push(format!("`mx: {value}` is neither a host nor `*.` and a domain")),
            },
            other => notes.push(format!("`{other}` is no key of MTA-STS and is ignored")),
        }
    }
    if version.as_deref() != Some("STSv1") {
        faults.push("`version` is not `STSv1`".to_owned());
    }
    let known = [Mode::Enforce, Mode::Testing, Mode::None];
    let mode = mode.and_then(|word| known.into_iter().find(|mode| mode.word() == word));
    let digits = max_age.filter(|text| text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let max_age = digits.and_then(|text| text.parse().ok()).filter(|age| *age <= MAX_AGE_LIMIT);
    if mode.is_none() {
        faults.push("`mode` is none of enforce, testing, none".to_owned());
    }
    if max_age.is_none() {
        faults.push(format!("`max_age` is no number of seconds up to {MAX_AGE_LIMIT}"));
    }
    if mx.is_empty() && mode != Some(Mode::None) {
        faults.push("no `mx`".to_owned());
    }
    let value = match (mode, max_age) {
        (Some(mode), Some(max_age)) if version.as_deref() == Some("STSv1") => Some(Policy { mode, mx, max_age }),
        _ => None,
    };
    Read { value, faults, notes }
}

/// Section 3.2: of a key that may stand once, the first counts.
fn once(place: &mut Option<String>, key: &str, value: &str, faults: &mut Vec<String>) {
    if place.is_some() {
        faults.push(format!("`{key}` stands twice"));
    } else {
        *place = Some(value.to_owned());
    }
}

fn pattern(text: &str) -> Option<String> {
    let host = name::canonical(text);
    name::is_host(host.strip_prefix("*.").unwrap_or(&host)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements() {
        assert!(read("v=STSv1; id=20260101T000000;").is_valid());
        for bad in ["v=STSv1; xyz=foo", "v=STSv1; id=a; id=b", "v=STSv1; id=a-b", "v=spf1 -all", "v=STSv1", "v=stsv1; id=a"] {
            assert!(!read(bad).is_valid(), "{bad}");
        }
    }

    #[test]
    fn policies() {
        let read =
            read_policy("version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\nfuture: x\r\n");
        assert!(read.is_valid() && read.notes.len() == 1, "{read:?}");
        let policy = read.value.unwrap();
        assert!(policy.covers("mx1.example.com") && policy.covers("a.example.net"));
        assert!(!policy.covers("a.b.example.net") && !policy.covers("example.net") && !policy.covers("mx2.example.com"));
    }

    #[test]
    fn policies_with_faults() {
        let good = "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n";
        assert!(read_policy(good).is_valid());
        assert!(read_policy("version: STSv1\nmode: none\nmax_age: 86400\n").is_valid());
        for (old, new) in [
            ("STSv1", "STSv2"),
            ("enforce", "x"),
            ("86400", "-1"),
            ("86400", "1.5"),
            ("86400", "99999999"),
            ("mx: mx.example.com\n", ""),
            ("mode: enforce", "mode: enforce\nmode: none"),
            ("mx: ", "mx "),
            ("mx.example.com", "*.*.example.com"),
        ] {
            assert!(!read_policy(&good.replacen(old, new, 1)).is_valid(), "{new}");
        }
    }
}
