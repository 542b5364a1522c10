//! Senders as people think of them: addresses that a machine made for one message fold to one.
//!
//! BATV (`prvs=tag=local`) is taken off. VERP (`bounce+user=example.org`), SRS (`SRS0=..`, `SRS1=..`) and ids in the local
//! part become `*`. The address as logged stays on the row.

use mailvane_model::Address;

/// Writes the normalised form of `sender` to `out`, which is emptied first; `<>` for the null sender, empty for an unknown one.
pub fn write(sender: Address<'_>, out: &mut String) {
    out.clear();
    if sender.is_null() || sender.domain.is_empty() {
        out.push_str(sender.local);
        return;
    }
    if is_plain(sender.local) {
        out.push_str(sender.local);
        out.make_ascii_lowercase();
    } else {
        local_to(without_batv(sender.local), out);
    }
    out.push('@');
    out.push_str(sender.domain);
}

/// The normalised form of a sender.
pub fn normalised(sender: Address<'_>) -> String {
    let mut out = String::new();
    write(sender, &mut out);
    out
}

/// Whether nothing in a local part can be folded: most are such, and this looks at each byte once.
fn is_plain(local: &str) -> bool {
    let (mut length, mut digits) = (0, 0);
    for byte in local.bytes() {
        if byte.is_ascii_alphanumeric() {
            length += 1;
            digits += u32::from(byte.is_ascii_digit());
            // The shortest ids: see `is_id`.
            if digits >= 5 || (digits > 0 && length >= 8) {
                return false;
            }
        } else if byte == b'=' || byte >= 0x80 {
            return false;
        } else {
            (length, digits) = (0, 0);
        }
    }
    // `srs0+..` and `srs0-..` are the forms of SRS without an equals sign before the first part.
    !["srs0", "srs1"].iter().any(|prefix| strip_prefix(local, prefix).is_some())
}

/// `prvs=0123abcdef=local` and `prvs=local/0123abcdef` of draft-levine-smtp-batv, `btv1==tag==local` of one vendor.
fn without_batv(local: &str) -> &str {
    if let Some(rest) = strip_prefix(local, "prvs=") {
        if let Some((tag, inner)) = rest.split_once('=')
            && (6..=12).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !inner.is_empty()
        {
            return inner;
        }
        return rest.rsplit_once('/').map_or(rest, |(inner, _)| inner);
    }
    if let Some(rest) = strip_prefix(local, "btv1==") {
        return rest.split_once("==").map_or(rest, |(_, inner)| inner);
    }
    local
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn local_to(local: &str, out: &mut String) {
    for prefix in ["srs0", "srs1"] {
        if strip_prefix(local, prefix).is_some_and(|rest| rest.starts_with(['=', '+', '-'])) {
            out.push_str(prefix);
            out.push_str("=*");
            return;
        }
    }
    let kept = verp_head(local);
    let folded = kept.len() < local.len();
    tokens_to(kept, out, folded);
    if folded && !out.ends_with('*') {
        out.push('*');
    }
}

/// What stands before the recipient's address inside a VERP local part; everything when it is none.
fn verp_head(local: &str) -> &str {
    let Some(equals) = local.find('=').filter(|at| *at > 0) else { return local };
    let head = &local[..equals];
    if let Some(plus) = head.find('+') {
        return &local[..=plus];
    }
    // `list-return-123-user=example.org`: a number or a word for a bounce ends the part that names the list.
    let mut from = 0;
    for token in head.split_inclusive('-') {
        let word = token.trim_end_matches('-');
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && from > 0 {
            return &local[..from];
        }
        from += token.len();
        let is_bounce = ["bounce", "bounces", "return", "returns", "errors", "owner"].iter().any(|known| word.eq_ignore_ascii_case(known));
        if is_bounce && from < head.len() {
            return &local[..from];
        }
    }
    match head.find('-') {
        Some(dash) => &local[..=dash],
        None => &local[..=equals],
    }
}

/// Copies in lower case, with `*` in the place of each id; ids that follow each other become one.
fn tokens_to(local: &str, out: &mut String, part_of_more: bool) {
    let is_separator = |character: char| matches!(character, '-' | '+' | '.' | '_' | '=' | '/');
    let several = part_of_more || local.contains(is_separator);
    let mut rest = local;
    while !rest.is_empty() {
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(end);
        if several && is_id(token) {
            // `bounce-*-*` is `bounce-*`.
            let trimmed = out.trim_end_matches(is_separator).len();
            if out[..trimmed].ends_with('*') {
                out.truncate(trimmed);
            } else {
                out.push('*');
            }
        } else {
            out.extend(token.chars().map(|character| character.to_ascii_lowercase()));
        }
        let separator = tail.chars().next().map_or(0, char::len_utf8);
        out.push_str(&tail[..separator]);
        rest = &tail[separator..];
    }
}

/// Five digits or more, eight hexadecimal digits or more, or a long mix of letters and digits.
fn is_id(token: &str) -> bool {
    let bytes = token.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || !bytes.iter().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let hexadecimal = bytes.iter().all(|byte| byte.is_ascii_hexdigit());
    (digits == bytes.len() && digits >= 5) || (hexadecimal && bytes.len() >= 8) || (bytes.len() >= 12 && digits >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn made_up_addresses_fold_to_one() {
        let cases = [
            ("Alice@example.com", "alice@example.com"),
            ("prvs=0123abcdef=alice@example.com", "alice@example.com"),
            ("prvs=alice/0123abcdef@example.com", "alice@example.com"),
            ("btv1==9cd12==alice@example.com", "alice@example.com"),
            ("SRS0=Hh4x=TT=example.org=bob@forward.example.net", "srs0=*@forward.example.net"),
            ("SRS1=Hh4x=first.example.org==Hh4x=TT=example.org=bob@forward.example.net", "srs1=*@forward.example.net"),
            ("bounce+user=example.org@news.example.com", "bounce+*@news.example.com"),
            ("my-list-bounces+jean-luc=example.org@lists.example.com", "my-list-bounces+*@lists.example.com"),
            ("my-list-return-123-user=example.org@lists.example.com", "my-list-return-*@lists.example.com"),
            ("bounces-jean-luc=example.org@lists.example.com", "bounces-*@lists.example.com"),
            ("bounce-12345-67890-abc@news.example.com", "bounce-*-abc@news.example.com"),
            ("bounce-12345-67890@news.example.com", "bounce-*@news.example.com"),
            ("0100018f2a3b4c5d-1f2e3d4c-000000@ses.example.com", "*@ses.example.com"),
            ("user30@example.com", "user30@example.com"),
            ("15551234567@example.com", "15551234567@example.com"),
            ("jean-luc.o'hara@example.com", "jean-luc.o'hara@example.com"),
            ("root", "root"),
        ];
        for (sender, expected) in cases {
            assert_eq!(normalised(Address::split(sender)), expected);
        }
        assert_eq!(normalised(Address::NULL), "<>");
        assert_eq!(normalised(Address::default()), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_sender_has_a_normalised_form(local in any::<String>(), verp in "[a-z]{1,6}[-+=][0-9a-z-]{0,12}=[a-z.]{1,9}", plain in "[A-Za-z0-9.+_-]{0,12}") {
            for local in [local.as_str(), verp.as_str(), plain.as_str()] {
                let out = normalised(Address { local, domain: "example.com" });
                prop_assert!(out.ends_with("@example.com"));
                if is_plain(local) {
                    let mut slowly = String::new();
                    local_to(without_batv(local), &mut slowly);
                    prop_assert_eq!(&out, &format!("{slowly}@example.com"));
                }
            }
        }
    }
}
