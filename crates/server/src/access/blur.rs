//! Addresses without their local parts, for those who may see where mail goes but not to whom.
//!
//! What was worked out is blurred as a whole, before it leaves: no route can forget it, and what a reply or a log line quotes is covered
//! too. First everything that has an `@` is blurred, and what stands where only a user can stand (`to=<...>`, `sasl_username=`); then
//! every local part that was found is blurred wherever else it stands as a word.

use std::collections::BTreeSet;

use serde_json::Value;

/// What stands for a local part.
const BLUR: &str = "***";
/// Shorter local parts are not looked for elsewhere: too many words are so short.
const WORD_MIN: usize = 3;
/// Local parts that are looked for elsewhere in one answer.
const WORDS_MAX: usize = 2_000;
/// Fields that hold a user's name or a part of an address even without an `@`.
const FIELDS: &[&str] = &["sasl_user", "user"];
/// What stands before a name in a line of a log.
const MARKS: &[&str] = &["to=<", "from=<", "orig_to=<", "user=<", "sasl_username=", "sasl_sender=", "uid=", "user="];

/// Characters of a local part, and what brings `=` and `%40` into it.
fn is_local(each: char) -> bool {
    each.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(each) || each == '\u{fffd}'
}

/// Blurs every text in a value.
pub(crate) fn value(value: &mut Value) {
    let mut words = BTreeSet::new();
    first(value, false, &mut words);
    if !words.is_empty() {
        second(value, &words);
    }
}

/// Blurs a text that stands alone.
pub(crate) fn text(text: &str) -> String {
    let mut words = BTreeSet::new();
    let once = addresses(text, &mut words);
    if words.is_empty() { once } else { elsewhere(&once, &words) }
}

fn first(value: &mut Value, is_name: bool, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_name && !text.contains('@') => {
            // A user is looked for elsewhere however short the name is.
            if !text.is_empty() && words.len() < WORDS_MAX {
                words.insert(text.to_lowercase());
            }
            BLUR.clone_into(text);
        }
        Value::String(text) => *text = addresses(text, words),
        Value::Array(items) => items.iter_mut().for_each(|item| first(item, is_name, words)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| first(field, FIELDS.contains(&name.as_str()), words)),
        _ => {}
    }
}

fn second(value: &mut Value, words: &BTreeSet<String>) {
    match value {
        Value::String(text) => *text = elsewhere(text, words),
        Value::Array(items) => items.iter_mut().for_each(|item| second(item, words)),
        Value::Object(fields) => fields.values_mut().for_each(|field| second(field, words)),
        _ => {}
    }
}

fn remember(local: &str, words: &mut BTreeSet<String>) {
    let local = local.trim_matches('"');
    if local.chars().count() >= WORD_MIN && words.len() < WORDS_MAX {
        words.insert(local.to_lowercase());
    }
}

/// A text with every local part blurred that stands before an `@` or after a mark.
fn addresses(text: &str, words: &mut BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let before = &rest[..at];
        let start = local_start(before);
        if start < at {
            remember(&before[start..], words);
            out.push_str(&marks(&before[..start], words));
            out.push_str(BLUR);
        } else {
            out.push_str(&marks(before, words));
        }
        out.push('@');
        rest = &rest[at + 1..];
    }
    out.push_str(&marks(rest, words));
    out
}

/// Where the local part before an `@` begins: a quoted one at its quote, any other after the last character that cannot be in it.
fn local_start(before: &str) -> usize {
    if let Some(inner) = before.strip_suffix('"') {
        return inner.rfind('"').unwrap_or(0);
    }
    let start = before.char_indices().rev().take_while(|(_, each)| is_local(*each)).last().map_or(before.len(), |(start, _)| start);
    // `sasl_username=joe@...`: the mark is no part of it.
    let own = &before[start..];
    MARKS.iter().filter_map(|mark| own.strip_prefix(mark)).map(|name| before.len() - name.len()).max().unwrap_or(start)
}

/// A text without `@`, its names after marks blurred.
fn marks(text: &str, words: &mut BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) =
        MARKS.iter().filter_map(|mark| rest.find(mark).map(|at| (at, *mark))).min_by_key(|found| (found.0, usize::MAX - found.1.len()))
    {
        let (before, after) = rest.split_at(at + mark.len());
        let end = after.find(|each: char| !is_local(each) && each != '"').unwrap_or(after.len());
        out.push_str(before);
        if end > 0 {
            remember(&after[..end], words);
            out.push_str(BLUR);
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// A text with some words blurred wherever they stand whole.
fn elsewhere(text: &str, words: &BTreeSet<String>) -> String {
    let is_word = |each: char| each.is_alphanumeric() || "._-+".contains(each);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|each: char| !is_word(each)).unwrap_or(after.len());
        let word = &after[..end];
        out.push_str(before);
        let bare = word.trim_end_matches(['.', '-', '_']);
        // What stands after an `@` is a domain.
        let is_domain = out.ends_with('@');
        if !is_domain && words.contains(&bare.to_lowercase()) {
            out.push_str(BLUR);
            out.push_str(&word[bare.len()..]);
        } else {
            out.push_str(word);
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_local_part_goes_and_every_domain_stays() {
        for (given, expected) in [
            ("joe@example.com", "***@example.com"),
            ("to=<joe.doe+x@example.com>, relay=mx", "to=<***@example.com>, relay=mx"),
            ("a joe@example.com and jane@example.org.", "a ***@example.com and ***@example.org."),
            ("\"joe doe\"@example.com", "***@example.com"),
            ("SRS0=ab=cd=example.net=joe@example.com", "***@example.com"),
            ("<two@example.com>", "<***@example.com>"),
            ("sasl_username=joe@example.com, x", "sasl_username=***@example.com, x"),
            ("sasl_username=ann", "sasl_username=***"),
            ("orig_to=<root>, to=<ops@example.com>", "orig_to=<***>, to=<***@example.com>"),
            ("from=<>", "from=<>"),
            ("@example.com", "@example.com"),
            ("1 @ 2", "1 @ 2"),
            ("jörg@example.com", "***@example.com"),
            ("550 5.1.1 no mail here", "550 5.1.1 no mail here"),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn a_local_part_goes_where_it_stands_alone_too() {
        let mut answer = json!({
            "recipient": "joe.doe@example.com",
            "sasl_user": "annie",
            "reply": "550 user \"Joe.Doe\" unknown; annie's mail, annieville",
            "count": 3,
            "lines": ["sasl_username=annie", {"text": "relay joe.doe@example.com joe.does"}],
        });
        value(&mut answer);
        let told = answer.to_string();
        assert!(!told.to_lowercase().contains("joe.doe\"") && !told.contains("joe.doe@"), "{told}");
        assert_eq!(answer["reply"], "550 user \"***\" unknown; ***'s mail, annieville");
        assert_eq!(answer["sasl_user"], "***");
        assert_eq!(answer["lines"][1]["text"], "relay ***@example.com joe.does");
        assert_eq!(answer["count"], 3);
    }

    #[test]
    fn nothing_is_blurred_twice_and_odd_text_is_taken() {
        for given in ["@", "@@", "a@b@c", "\"@", "\"\"@x", "=<@", "to=<", "to=<\u{0}@", "é@é", "***@example.com"] {
            let once = text(given);
            assert_eq!(text(&once), once, "{given}");
        }
    }
}
