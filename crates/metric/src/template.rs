//! A text with its names, addresses and numbers taken out, so that texts that say the same group together.
//!
//! `ADDR` stands for a mail address, `IP` for an address, `HOST` for a host name, `ID` for a queue id or the like, `N` for
//! a number. Reply codes at the start, enhanced codes and file names stay.

/// Longer texts are cut: what tells two kinds of trouble apart stands in front.
const TEXT_BYTES: usize = 400;

/// Writes the template of `text` to `out`, which is emptied first.
pub fn write(text: &str, out: &mut String) {
    out.clear();
    let text = cut(text, TEXT_BYTES);
    let mut rest = text;
    let mut at_start = true;
    while let Some(first) = rest.bytes().next() {
        if is_word(first) {
            let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            word_to(word, at_start, out);
            rest = tail;
            at_start = false;
        } else {
            let end = rest.bytes().position(is_word).unwrap_or(rest.len());
            let (gap, tail) = rest.split_at(end);
            out.push_str(gap);
            rest = tail;
        }
    }
}

/// The template of a text.
pub fn of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    write(text, &mut out);
    out
}

/// The first `limit` bytes, cut where a character ends.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'.' | b'_' | b':' | b'@' | b'%' | b'+' | b'-' | b'/' | b'~' | b'$' | b'#')
}

/// A run of word characters: dots and colons at its end belong to the sentence.
fn word_to(word: &str, at_start: bool, out: &mut String) {
    let core = word.trim_end_matches(['.', ':', '-']);
    let tail = &word[core.len()..];
    if is_ip(core) {
        out.push_str("IP");
    } else if core.contains('/') {
        numbers_to(core, out);
    } else {
        let mut first = true;
        for piece in core.split(':') {
            if !first {
                out.push(':');
            }
            piece_to(piece, at_start && first, out);
            first = false;
        }
    }
    out.push_str(tail);
}

fn piece_to(piece: &str, at_start: bool, out: &mut String) {
    let bytes = piece.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if piece.is_empty() || (digits == 0 && !piece.contains(['.', '@'])) {
        out.push_str(piece);
    } else if piece.find('@').is_some_and(|at| at > 0) {
        out.push_str("ADDR");
    } else if is_ip(piece) {
        out.push_str("IP");
    } else if is_enhanced(piece) || (at_start && bytes.len() == 3 && digits == 3) {
        out.push_str(piece);
    } else if is_id(piece, digits) {
        out.push_str("ID");
    } else if is_host(piece) {
        out.push_str("HOST");
    } else {
        numbers_to(piece, out);
    }
}

/// Puts `N` in the place of each run of digits.
fn numbers_to(piece: &str, out: &mut String) {
    let mut in_digits = false;
    for character in piece.chars() {
        if character.is_ascii_digit() {
            if !in_digits {
                out.push('N');
            }
            in_digits = true;
        } else {
            // A decimal point between digits belongs to the number.
            in_digits = false;
            out.push(character);
        }
    }
}

fn is_ip(word: &str) -> bool {
    let bytes = word.as_bytes();
    if bytes.len() < 3 || !bytes.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')) {
        return false;
    }
    word.parse::<std::net::IpAddr>().is_ok()
}

/// `5.7.1`: class, subject, detail of RFC 3463.
fn is_enhanced(piece: &str) -> bool {
    let mut parts = piece.split('.');
    let class = parts.next();
    let short =
        |part: Option<&str>| part.is_some_and(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()));
    matches!(class, Some("2" | "4" | "5")) && short(parts.next()) && short(parts.next()) && parts.next().is_none()
}

/// A queue id, a hash, a session id: letters and digits mixed, or a long number in hexadecimal.
fn is_id(piece: &str, digits: usize) -> bool {
    let bytes = piece.as_bytes();
    let plain = bytes.iter().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || bytes.len() < 6 || digits == 0 {
        return false;
    }
    let upper_hex = bytes.iter().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte));
    let lower_hex = bytes.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    (digits < bytes.len() && (upper_hex || lower_hex)) || (bytes.len() >= 9 && digits >= 2 && digits < bytes.len())
}

/// A name of at least two labels whose last one is letters, and no file of the configuration.
fn is_host(piece: &str) -> bool {
    let Some((front, last)) = piece.rsplit_once('.') else { return false };
    let labels = front.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || byte >= 0x80);
    let known_file = matches!(last, "cf" | "db" | "log" | "lmdb" | "cdb" | "pem" | "sock" | "conf" | "c" | "so");
    labels && front.len() > 1 && last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && !known_file
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_says_the_same_groups_together() {
        let cases = [
            (
                "hostname mail.example.net does not resolve to address 192.0.2.7: Name or service not known",
                "hostname HOST does not resolve to address IP: Name or service not known",
            ),
            (
                "550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown",
                "550 5.1.1 <ADDR>: Recipient address rejected: User unknown",
            ),
            ("queue file write error: 4BxYz01abc removed", "queue file write error: ID removed"),
            ("process /usr/lib/postfix/sbin/smtpd pid 4711 exit status 1", "process /usr/lib/postfix/sbin/smtpd pid N exit status N"),
            ("/etc/postfix/main.cf, line 12: overriding earlier entry", "/etc/postfix/main.cf, line N: overriding earlier entry"),
            (
                "TLS library problem: error:0A000126:SSL routines::unexpected eof",
                "TLS library problem: error:ID:SSL routines::unexpected eof",
            ),
            ("connect to mx.example.com[2001:db8::5]:25: Connection timed out", "connect to HOST[IP]:N: Connection timed out"),
            ("dict_ldap_connect: Unable to bind to server", "dict_ldap_connect: Unable to bind to server"),
        ];
        for (text, template) in cases {
            assert_eq!(of(text), template);
        }
    }

    fn addresses() -> impl Strategy<Value = (String, String)> {
        let ip = (prop_oneof![0_u8..127, 128_u8..=255], any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"));
        ("[A-Za-z0-9]([A-Za-z0-9._+-]{0,12})@[A-Za-z0-9.-]{0,12}[A-Za-z0-9]", ip)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// What the fold of refusals rests on.
        #[test]
        fn texts_of_one_shape_have_one_template(
            pieces in prop::collection::vec(prop_oneof!["[ -~]{0,9}", "\\PC{0,3}", Just("\u{1}".to_owned()), Just("\u{2}".to_owned()), Just(" ".to_owned())], 0..12),
            here in addresses(),
            there in addresses(),
        ) {
            let text = pieces.concat();
            let fill = |with: &(String, String)| text.replace('\u{1}', &format!("<{}>", with.0)).replace('\u{2}', &format!("[{}]", with.1));
            let (here, there) = (fill(&here), fill(&there));
            prop_assume!(here.len() <= TEXT_BYTES && there.len() <= TEXT_BYTES);
            let shape = |text: &str| {
                let mut hasher = std::hash::DefaultHasher::new();
                mailvane_model::shape::write(text, &mut hasher);
                std::hash::Hasher::finish(&hasher)
            };
            prop_assert_eq!(shape(&here), shape(&there));
            prop_assert_eq!(of(&here), of(&there));
        }

        #[test]
        fn any_text_has_a_template(text in any::<String>()) {
            let template = of(&text);
            prop_assert!(template.len() <= TEXT_BYTES * 2);
        }
    }
}
