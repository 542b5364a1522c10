//! Lists of `tag=value` with semicolons between (RFC 6376 section 3.2), the common ground of DKIM, DMARC, BIMI, MTA-STS and TLS-RPT records.

/// Tags of one text that are read; more are a fault.
const TAG_LIMIT: usize = 64;

/// The tags of a text, in order, and what is wrong with the list as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) list: Vec<(String, String)>,
    pub(super) faults: Vec<String>,
}

impl Tags {
    /// Splits a text. White space around tags and values means nothing; the first of two equal tags counts, and two are a fault.
    pub(super) fn read(text: &str) -> Tags {
        let mut tags = Tags::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                tags.faults.push(format!("`{part}` is no `tag=value`"));
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if !good {
                tags.faults.push(format!("`{name}` is no name of a tag"));
            } else if tags.get(name).is_some() {
                tags.faults.push(format!("the tag `{name}` stands twice"));
            } else if tags.list.len() == TAG_LIMIT {
                tags.faults.push(format!("more than {TAG_LIMIT} tags"));
                break;
            } else {
                tags.list.push((name.to_owned(), value.to_owned()));
            }
        }
        tags
    }

    /// The value of a tag. Names of tags differ by case in DKIM only, where capital ones are unknown anyway.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The names that are not in a list of known ones.
    pub(super) fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.list.iter().map(|(name, _)| name.as_str()).filter(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// Does a text begin with the version tag, `v=` and this value, and then end or go on after a semicolon? White space may stand around `=`.
pub(super) fn begins_with(text: &str, version: &str) -> bool {
    let Some(rest) = text.strip_prefix(['v', 'V']) else { return false };
    let Some(rest) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else { return false };
    let Some(rest) = rest.trim_start_matches([' ', '\t']).strip_prefix(version) else { return false };
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with(';')
}

/// What stands where another record should: the SPF record under `_dmarc` is the usual mistake.
pub(super) fn wrong_record(text: &str, wanted: &str) -> String {
    if crate::spf::is_record(text) { format!("an SPF record where {wanted} should be") } else { format!("does not begin with `{wanted}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let tags = Tags::read(" v = DMARC1 ;p=none;; P=reject; x ; ä=1");
        assert_eq!(tags.list, [("v".to_owned(), "DMARC1".to_owned()), ("p".to_owned(), "none".to_owned())]);
        assert_eq!(tags.faults.len(), 3);
    }

    #[test]
    fn versions() {
        for (text, good) in [
            ("v=DMARC1", true),
            ("V = DMARC1\t; p=none", true),
            ("v=DMARC1;p=none", true),
            ("v=DMARC1 p=none", false),
            ("v=dmarc1;", false),
            (" v=DMARC1", false),
            ("v=DMARC12", false),
        ] {
            assert_eq!(begins_with(text, "DMARC1"), good, "{text}");
        }
    }
}
