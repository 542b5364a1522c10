//! Text of strangers (replies, addresses, user names) made fit to stand in a notice, a header or a page.

/// A subject is cut after so many characters.
const SUBJECT: usize = 200;
/// What stands for a part that is not told.
const HIDDEN: &str = "***";

/// On one line, without control characters and without characters that turn the direction of writing round; cut at `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most * 4));
    let mut blank = true;
    let mut characters = 0;
    for character in text.chars() {
        let is_blank = character.is_control() || character.is_whitespace();
        if is_blank && blank {
            continue;
        }
        blank = is_blank;
        if is_hidden(character) {
            continue;
        }
        if characters >= most {
            out.push('…');
            break;
        }
        out.push(if is_blank { ' ' } else { character });
        characters += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Marks of direction and of width zero: a text that looks like another one.
const fn is_hidden(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// A subject.
pub fn subject(text: &str) -> String {
    one_line(text, SUBJECT)
}

/// As it may stand in HTML, also inside an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character if character.is_control() && character != '\n' => out.push(' '),
            character if is_hidden(character) => {}
            character => out.push(character),
        }
    }
    out
}

/// The beginning of a name, and no more.
pub fn mask_name(name: &str) -> String {
    match name.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", mask_name(local)),
        None => format!("{}{HIDDEN}", name.chars().take(1).collect::<String>()),
    }
}

/// Masks the local part of every address in a text.
pub fn mask_addresses(text: &str) -> String {
    let is_part = |character: char| character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character);
    let mut out = String::with_capacity(text.len());
    let mut word = 0;
    for (at, character) in text.char_indices() {
        if character == '@' && at > word {
            let local: String = text[word..at].chars().take(1).collect();
            out.push_str(&local);
            out.push_str(HIDDEN);
            out.push('@');
            word = at + 1;
        } else if !is_part(character) {
            let end = at + character.len_utf8();
            out.push_str(&text[word..end]);
            word = end;
        }
    }
    out.push_str(&text[word..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_cannot_be_begun_from_within_a_subject() {
        assert_eq!(subject("refused\r\nBcc: eve@example.org\r\n\r\nbody"), "refused Bcc: eve@example.org body");
        assert_eq!(subject("a\u{202e}b\u{0}c\u{7f}d"), "ab c d");
        assert_eq!(subject(&"x".repeat(500)).chars().count(), SUBJECT + 1);
    }

    #[test]
    fn local_parts_are_masked_and_domains_stay() {
        assert_eq!(mask_addresses("550 <alice@example.com>: no, bob.b@example.net"), "550 <a***@example.com>: no, b***@example.net");
        assert_eq!(mask_addresses("@ nothing @example"), "@ nothing @example");
        assert_eq!((mask_name("alice").as_str(), mask_name("a@b").as_str(), mask_name("").as_str()), ("a***", "a***@b", "***"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_text_breaks_out(text in ".{0,300}") {
            prop_assert!(!one_line(&text, 100).chars().any(char::is_control));
            prop_assert!(!escape(&text).contains(['<', '>', '"', '\'']));
            mask_addresses(&text);
        }
    }
}
