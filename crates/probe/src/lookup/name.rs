//! Domain names as strings: lower case, without a final dot, the root empty.

/// Most bytes of a name in its wire form (RFC 1035 section 2.3.4).
pub const NAME_LIMIT: usize = 255;
/// Most bytes of a label (RFC 1035 section 2.3.4).
pub const LABEL_LIMIT: usize = 63;

/// The name in lower case without its final dot.
pub fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The name without its first label; `None` at the root.
pub fn parent(name: &str) -> Option<&str> {
    if name.is_empty() { None } else { Some(name.split_once('.').map_or("", |(_, rest)| rest)) }
}

/// Is `name` the same as `zone`, or under it? Both canonical.
pub fn is_within(name: &str, zone: &str) -> bool {
    zone.is_empty() || name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

/// The labels of a name, the leftmost first.
pub fn labels(name: &str) -> Vec<&str> {
    if name.is_empty() { Vec::new() } else { name.split('.').collect() }
}

/// What is wrong with a name as something to ask for; `None` when it can be asked.
pub fn defect(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return None;
    }
    if name.len() + 2 > NAME_LIMIT {
        return Some("longer than 255 bytes");
    }
    name.split('.').find_map(|label| match label.len() {
        0 => Some("an empty label"),
        length if length > LABEL_LIMIT => Some("a label longer than 63 bytes"),
        _ => None,
    })
}

/// Is it a name a host can have: letters, digits and hyphens in labels, at least two of them, and not an address?
pub fn is_host(name: &str) -> bool {
    let good = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels = labels(name);
    labels.len() >= 2 && defect(name).is_none() && labels.iter().all(|label| good(label)) && !ends_in_digits(name)
}

fn ends_in_digits(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        assert_eq!(canonical("MX.Example.COM."), "mx.example.com");
        assert_eq!(parent("mx.example.com"), Some("example.com"));
        assert_eq!((parent("com"), parent("")), (Some(""), None));
        assert!(is_within("a.example.com", "example.com") && is_within("example.com", "example.com"));
        assert!(!is_within("badexample.com", "example.com") && is_within("com", ""));
    }

    #[test]
    fn what_can_be_asked() {
        assert_eq!(defect("a..b"), Some("an empty label"));
        assert_eq!(defect(&"a".repeat(64)), Some("a label longer than 63 bytes"));
        assert_eq!(defect(&"abcdefg.".repeat(40)), Some("longer than 255 bytes"));
        assert_eq!((defect("_dmarc.example.com"), defect("")), (None, None));
    }

    #[test]
    fn what_can_be_a_host() {
        for (name, good) in [
            ("mx.example.com", true),
            ("localhost", false),
            ("192.0.2.1", false),
            ("[192.0.2.1]", false),
            ("mail_1.example.com", false),
            ("-a.example.com", false),
            ("xn--mller-kva.example.net", true),
        ] {
            assert_eq!(is_host(name), good, "{name}");
        }
    }
}
