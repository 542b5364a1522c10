//! The shape of a reply: what stays the same when the same thing is said of another address.
//!
//! Replies repeat in all but the address they are about (`550 5.1.1 <joe@example.com>: unknown`, `client [192.0.2.7]
//! blocked`). Two texts of one shape have one template wherever addresses of mail and machines become placeholders, so
//! what was found out for one holds for the other.

use std::hash::Hasher;

/// A longer text is its own shape: users of shapes cut texts, and where depends on the addresses.
const LONGEST: usize = 400;
/// Stands in the place of what differs; no UTF-8 text holds it.
const PLACE: u8 = 0xff;

/// Feeds the shape of a text to a hasher.
pub fn write(text: &str, hasher: &mut impl Hasher) {
    let bytes = text.as_bytes();
    let mut from = 0;
    if bytes.len() <= LONGEST {
        let mut at = 0;
        while let Some(found) = bracket(&bytes[at..]) {
            at += found;
            let rest = &bytes[at + 1..];
            let inside = if bytes[at] == b'<' { mail_address(rest) } else { ip_address(rest) };
            if inside > 0 {
                hasher.write(&bytes[from..=at]);
                hasher.write_u8(PLACE);
                from = at + 1 + inside;
            }
            at += 1 + inside;
        }
    }
    hasher.write(&bytes[from..]);
}

/// Where the first `<` or `[` stands, eight bytes at a time.
#[inline]
fn bracket(bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let mut at = 0;
    let mut rest = bytes;
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        // A byte that is equal becomes zero; the lowest zero byte is found exactly.
        let found = zero(word ^ (LOW * 0x3c)) | zero(word ^ (LOW * 0x5b));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
        rest = after;
    }
    rest.iter().position(|byte| matches!(byte, b'<' | b'[')).map(|found| at + found)
}

/// The length of a plain mail address that ends at a `>`; 0 for anything else. Plain: letters, digits, dots, hyphens,
/// underscores and plus signs, a letter or digit at either end.
fn mail_address(bytes: &[u8]) -> usize {
    let word = |byte: u8, more: &[u8]| byte.is_ascii_alphanumeric() || more.contains(&byte);
    let local = bytes.iter().take_while(|byte| word(**byte, b"._+-")).count();
    let Some(b'@') = bytes.get(local) else { return 0 };
    let domain = bytes[local + 1..].iter().take_while(|byte| word(**byte, b".-")).count();
    let end = local + 1 + domain;
    let sound = local > 0 && domain > 0 && bytes[0].is_ascii_alphanumeric() && bytes[end - 1].is_ascii_alphanumeric();
    if sound && bytes.get(end) == Some(&b'>') { end } else { 0 }
}

/// The length of an IPv4 address in its usual form that ends at a `]`; 0 for anything else, and for 127.0.0.0/8, in which
/// block lists answer.
fn ip_address(bytes: &[u8]) -> usize {
    let (mut at, mut octets) = (0, 0);
    loop {
        let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let value = bytes[at..at + digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        let usual = digits == 1 || digits > 1 && bytes[at] != b'0';
        if !usual || value > 255 || octets == 0 && value == 127 {
            return 0;
        }
        at += digits;
        octets += 1;
        match bytes.get(at) {
            Some(b'.') if octets < 4 => at += 1,
            Some(b']') if octets == 4 => return at,
            _ => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::DefaultHasher;

    fn shape(text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        write(text, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn the_same_thing_said_of_another_has_one_shape() {
        let same = [
            ("550 5.1.1 <joe@example.com>: unknown", "550 5.1.1 <a.b-c+d@mail.example.org>: unknown"),
            ("client [192.0.2.7] blocked", "client [198.51.100.200] blocked"),
        ];
        for (left, right) in same {
            assert_eq!(shape(left), shape(right), "{left}");
        }
    }

    #[test]
    fn what_may_be_read_otherwise_stays_apart() {
        let apart = [
            ("<joe@example.com>", "<jim/x@example.com>"),
            ("<joe@example.com>", "<joe>"),
            ("<joe@example.com>", "<.joe@example.com>"),
            ("<joe@example.com>", "<joe@example.com."),
            ("[192.0.2.7]", "[127.0.0.7]"),
            ("[192.0.2.7]", "[192.0.2.07]"),
            ("[192.0.2.7]", "[192.0.2.256]"),
            ("[192.0.2.7]", "[192.0.2]"),
            ("[192.0.2.7]", "[192.0.2.7.1]"),
            ("550 no", "551 no"),
        ];
        for (left, right) in apart {
            assert_ne!(shape(left), shape(right), "{right}");
        }
    }
}
