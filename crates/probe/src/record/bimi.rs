//! BIMI records: where the logo of a domain is (draft-brand-indicators-for-message-identification).

use super::Read;
use super::tags::{Tags, begins_with, wrong_record};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bimi {
    /// `l`: the logo, an SVG file over HTTPS; empty when the domain declines to have one.
    pub logo: Option<String>,
    /// `a`: the certificate that vouches for it.
    pub authority: Option<String>,
    /// `lps`: local parts that choose a selector, lower case.
    pub local_parts: Vec<String>,
}

impl Bimi {
    /// The domain says on purpose that it has no logo.
    pub fn declines(&self) -> bool {
        self.logo.as_deref() == Some("") && self.authority.as_deref().unwrap_or("").is_empty()
    }
}

const KNOWN: &[&str] = &["v", "l", "a", "avp", "lps"];

/// Is this text a BIMI record?
pub fn is_record(text: &str) -> bool {
    begins_with(text, "BIMI1")
}

/// Reads the TXT record at `<selector>._bimi`.
pub fn read(text: &str) -> Read<Bimi> {
    if !is_record(text) {
        return Read::useless(wrong_record(text, "v=BIMI1"));
    }
    let tags = Tags::read(text);
    let mut faults = tags.faults.clone();
    let mut notes: Vec<String> = tags.unknown(KNOWN).map(|tag| format!("`{tag}` is no tag of BIMI and is ignored")).collect();
    let logo = location(&tags, "l", &mut faults);
    let authority = location(&tags, "a", &mut faults);
    let local_parts = local_parts(tags.get("lps"), &mut faults);
    if let Some(preference) = tags.get("avp").filter(|text| !["brand", "personal"].contains(text)) {
        faults.push(format!("`avp={preference}` is neither `brand` nor `personal`"));
    }
    if tags.list.iter().all(|(tag, _)| tag.eq_ignore_ascii_case("v") || !KNOWN.contains(&tag.to_ascii_lowercase().as_str())) {
        faults.push("says nothing: no `l`".to_owned());
        return Read { value: None, faults, notes };
    }
    if logo.is_none() {
        notes.push("without `l` there is no logo to show".to_owned());
    }
    Read { value: Some(Bimi { logo, authority, local_parts }), faults, notes }
}

fn location(tags: &Tags, tag: &str, faults: &mut Vec<String>) -> Option<String> {
    let text = tags.get(tag)?;
    let https = text.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("https://")) && text.len() > 8;
    // `a=self` was the word for "no certificate" in older drafts.
    let old_word = tag == "a" && text == "self";
    if !text.is_empty() && !https && !old_word {
        faults.push(format!("`{tag}={text}` is no `https:` address"));
    }
    Some(text.to_owned())
}

fn local_parts(text: Option<&str>, faults: &mut Vec<String>) -> Vec<String> {
    let Some(text) = text else { return Vec::new() };
    let parts: Vec<String> = text.split(',').map(|part| part.trim().to_ascii_lowercase()).collect();
    for part in &parts {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            faults.push(format!("`lps`: `{part}` is not made of letters, digits and hyphens"));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        for good in [
            "v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/vmc.pem",
            "v=BIMI1; l=; a=;",
            "v=BIMI1; lps=News, help-desk",
            "v=BIMI1; avp=brand",
        ] {
            assert!(read(good).is_valid(), "{good}");
        }
        for bad in [
            "v=BIMI1; xyz=foo",
            "v=BIMI1 garbage",
            "v=BIMI1; l=http://example.com/l.svg",
            "v=BIMI1; lps=a_b",
            "v=BIMI1; l=; avp=x",
            "v=spf1 -all",
            "v=BIMI1; l=https://a.example/a.svg; l=https://b.example/b.svg",
        ] {
            assert!(!read(bad).is_valid(), "{bad}");
        }
        assert!(read("v=BIMI1; l=; a=").value.unwrap().declines());
    }
}
