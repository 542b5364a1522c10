//! One template for a thousand refusals: addresses, IPs, host names, ids, times and numbers become placeholders.
//!
//! Rules are matched on the template, so two replies with one template have one verdict by construction.
//! What tells refusals apart is kept: codes, short tokens (`[TSS04]`, `S3150`, `c=r0201`), the names of block lists
//! and the host and path of links, and the answers of block lists in 127.0.0.0/8.

use crate::codes::enhanced_length;

/// Longest text that is looked at, in bytes; what follows is cut off. Postfix cuts a whole record at 2000.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Shortest run of letters and digits mixed that counts as an id.
const MIN_ID_BYTES: usize = 9;

/// The template of a reply: see the module. Linear in the length of the text.
///
/// ```
/// # use mailvane_reply::normalise::template;
/// assert_eq!(template("550-5.1.1 <joe@example.com>: unknown, id 4ZK8wY2dHxz1Qp"), "550-5.1.1 <{address}>: unknown, id {id}");
/// ```
pub fn template(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT_BYTES));
    template_into(text, &mut out);
    out
}

/// The stable hash of a template, for counting.
pub fn template_hash(template: &str) -> u64 {
    mailvane_model::hash::bytes(template.as_bytes())
}

/// [`template`] into a string that is used again; it is cleared first.
pub fn template_into(text: &str, out: &mut String) {
    out.clear();
    let text = cut(text);
    let mut writer = Writer::new(text, out);
    writer.run();
}

/// Cuts at [`MAX_TEXT_BYTES`], on a character boundary.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT_BYTES { text } else { &text[..text.floor_char_boundary(MAX_TEXT_BYTES)] }
}

/// What a byte is to the scanner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Ends a word.
    Other,
    /// Blank or line break.
    Blank,
    /// Part of a word.
    Word,
    /// Part of a word, and a digit.
    Digit,
    /// Holds words together: part of an address, a host name, an id or a time.
    Joint,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b'A'..=b'Z' | b'a'..=b'z' | 0x80..=0xff => Class::Word,
            b'.' | b'-' | b'_' | b'@' | b':' | b'=' | b'+' | b'/' | b'%' | b'~' => Class::Joint,
            b' ' | b'\t' | b'\r' | b'\n' => Class::Blank,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

struct Writer<'t, 'o> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    out: &'o mut String,
    /// The reply code with which the text begins, to recognise continuation lines; empty when there is none.
    code: &'t str,
}

impl<'t, 'o> Writer<'t, 'o> {
    fn new(text: &'t str, out: &'o mut String) -> Self {
        let bytes = text.as_bytes();
        let coded = matches!(bytes, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b'-' | b' ', ..]);
        Writer { text, bytes, at: 0, out, code: if coded { &text[..3] } else { "" } }
    }

    fn run(&mut self) {
        if !self.code.is_empty() {
            self.lead();
        }
        while self.at < self.bytes.len() {
            match class(self.bytes[self.at]) {
                Class::Blank => self.blank(),
                Class::Other => self.other(),
                _ => self.word(),
            }
        }
        let trimmed = self.out.trim_end().len();
        self.out.truncate(trimmed);
    }

    /// The codes at the start, and a small number behind them (`554 30 ...`, `552 1 ...`), stay as they are.
    fn lead(&mut self) {
        let mut end = 4;
        end += self.bytes[end..].iter().take_while(|byte| **byte == b' ').count();
        let enhanced = enhanced_length(&self.text[end..]);
        if enhanced > 0 {
            end += enhanced;
        } else {
            let digits = self.bytes[end..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            if digits < 3 && matches!(self.bytes.get(end + digits), Some(b' ')) {
                end += digits;
            }
        }
        self.out.push_str(self.text[..end].trim_end());
        if class(self.bytes[end - 1]) == Class::Blank {
            self.out.push(' ');
        }
        self.at = end;
    }

    /// Runs of blanks are one blank; a continuation code behind them is dropped.
    fn blank(&mut self) {
        while self.at < self.bytes.len() && class(self.bytes[self.at]) == Class::Blank {
            self.at += 1;
        }
        if !self.out.is_empty() && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
        self.continuation();
    }

    /// Drops `550-5.7.26 ` and `550 5.7.26 ` inside a joined reply that began with the same code.
    fn continuation(&mut self) {
        if self.code.is_empty() || !self.text.as_bytes()[self.at..].starts_with(self.code.as_bytes()) {
            return;
        }
        let after = self.at + 3;
        let Some(separator @ (b'-' | b' ')) = self.bytes.get(after).copied() else { return };
        let blanks = self.bytes[after + 1..].iter().take_while(|byte| **byte == b' ').count();
        let start = after + 1 + blanks;
        let enhanced = self.text.get(start..).map_or(0, enhanced_length);
        let joined = self.bytes.get(3) == Some(&b'-');
        if enhanced > 0 {
            self.at = start + enhanced;
        } else if separator == b'-' || joined {
            self.at = start;
        } else {
            return;
        }
        while self.at < self.bytes.len() && class(self.bytes[self.at]) == Class::Blank {
            self.at += 1;
        }
    }

    fn other(&mut self) {
        let byte = self.bytes[self.at];
        // Exim writes line breaks of a reply as backslash and n.
        if byte == b'\\' && matches!(self.bytes.get(self.at + 1), Some(b'n' | b'r')) {
            self.at += 2;
            if !self.out.is_empty() && !self.out.ends_with(' ') {
                self.out.push(' ');
            }
            self.continuation();
            return;
        }
        if byte == b'"' && self.quoted_name() {
            return;
        }
        if byte < 0x20 || byte == 0x7f {
            self.out.push('?');
        } else {
            self.out.push(byte as char);
        }
        self.at += 1;
    }

    /// `"joe"` and `"/usr/bin/filter"`: one word in quotes is a name.
    fn quoted_name(&mut self) -> bool {
        let rest = &self.bytes[self.at + 1..];
        let length = rest.iter().take(256).take_while(|byte| !matches!(**byte, b'"' | b' ' | b'\t')).count();
        if length == 0 || rest.get(length) != Some(&b'"') {
            return false;
        }
        self.out.push_str("\"{name}\"");
        self.at += length + 2;
        true
    }

    /// A run of words and joints: a link, an address, or pieces.
    fn word(&mut self) {
        let start = self.at;
        if self.link() {
            return;
        }
        let mut end = start;
        let (mut digits, mut ats) = (0_usize, 0_usize);
        let mut dots = 0_usize;
        while end < self.bytes.len() {
            match class(self.bytes[end]) {
                Class::Word => {}
                Class::Digit => digits += 1,
                Class::Joint => match self.bytes[end] {
                    b'@' => ats += 1,
                    b'.' => dots += 1,
                    _ => {}
                },
                Class::Blank | Class::Other => break,
            }
            end += 1;
        }
        self.at = end;
        let run = &self.text[start..end];
        if ats > 0 && self.address(run) {
            return;
        }
        if digits == 0 && dots == 0 {
            self.plain(run);
            return;
        }
        self.pieces(run);
    }

    /// A run without digits and dots: kept, unless it is the name of a month or a day beside a number.
    fn plain(&mut self, run: &str) {
        if run.len() == 3 && is_calendar_word(run) {
            self.out.push_str("{n}");
        } else {
            self.out.push_str(run);
        }
    }

    /// `http://...` and `https://...`: host and path stay, what is particular to one message goes.
    fn link(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        let scheme = match rest {
            [b'h' | b'H', b't' | b'T', b't' | b'T', b'p' | b'P', b':', b'/', b'/', ..] => 7,
            [b'h' | b'H', b't' | b'T', b't' | b'T', b'p' | b'P', b's' | b'S', b':', b'/', b'/', ..] => 8,
            _ => return false,
        };
        let length = rest
            .iter()
            .take_while(|byte| !matches!(**byte, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b')' | b'"' | b'<' | b',' | b';'))
            .count();
        let start = self.at;
        self.at += length;
        self.out.push_str(&self.text[start..start + scheme]);
        let link = &self.text[start + scheme..start + length];
        let host_end = link.find(['/', '?', '#']).unwrap_or(link.len());
        self.out.push_str(&link[..host_end]);
        let mut piece_start = host_end;
        for (at, byte) in link.bytes().enumerate().skip(host_end) {
            if matches!(byte, b'/' | b'?' | b'&' | b'=' | b'#') {
                self.link_piece(&link[piece_start..at]);
                self.out.push(byte as char);
                piece_start = at + 1;
            }
        }
        self.link_piece(&link[piece_start..]);
        true
    }

    fn link_piece(&mut self, piece: &str) {
        let digits = piece.bytes().filter(u8::is_ascii_digit).count();
        let letters = piece.bytes().filter(u8::is_ascii_alphabetic).count();
        let particular =
            (digits > 0 && (piece.len() >= MIN_ID_BYTES || letters == 0)) || piece.len() > 40 || piece.contains(['@', '%', ':']);
        self.out.push_str(if particular && !piece.is_empty() { "{id}" } else { piece });
    }

    /// `local@domain`, with VERP and quoted-printable remains; false when it is none (`@` alone, `user @ host`).
    fn address(&mut self, run: &str) -> bool {
        // A domain has no colon: what follows one is not part of the address (`a@b:blocked`).
        let colon = run.find('@').and_then(|at| run[at..].find(':').map(|colon| at + colon));
        let whole_run = run.len();
        let run = &run[..colon.unwrap_or(whole_run)];
        self.at -= whole_run - run.len();
        let trimmed = run.trim_end_matches(['.', ':', '-', '/', '=']);
        let lead = trimmed.len() - trimmed.trim_start_matches(['.', ':', '-', '/', '=']).len();
        let body = &trimmed[lead..];
        let Some(at) = body.find('@') else {
            self.at += whole_run - run.len();
            return false;
        };
        if at == 0 && body.len() < 3 {
            self.at += whole_run - run.len();
            return false;
        }
        self.out.push_str(&run[..lead]);
        // `to=joe@example.com`: the key stays.
        if let Some(key) =
            ["from=", "to=", "rcpt=", "sender=", "recipient=", "mailto:", "rfc822;"].iter().find(|key| body.starts_with(**key))
        {
            self.out.push_str(key);
        }
        self.out.push_str("{address}");
        self.out.push_str(&run[trimmed.len()..]);
        true
    }

    /// A run with digits or dots: cut into pieces at joints and each is judged.
    fn pieces(&mut self, run: &str) {
        let trimmed = run.trim_end_matches(['.', ':', '-', '/', '=', '_']);
        let lead = trimmed.len() - trimmed.trim_start_matches(['.', ':', '-', '/', '=', '_', '+', '~', '%']).len();
        self.out.push_str(&run[..lead]);
        let body = &trimmed[lead..];
        if is_timestamp(body) {
            self.out.push_str("{time}");
        } else if self.is_numbered_token(body) {
            self.out.push_str(body);
        } else if let Some(placeholder) = whole(body) {
            self.out.push_str(placeholder);
        } else {
            self.split(body);
        }
        self.out.push_str(&run[trimmed.len()..]);
    }

    /// `AUP#1220`: a short number behind a name and `#`.
    fn is_numbered_token(&self, body: &str) -> bool {
        let named = matches!(self.out.as_bytes(), [.., before, b'#'] if before.is_ascii_alphabetic());
        named && body.len() <= 4 && body.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Splits at `:`, `=`, `/`, `+`, `%`, `~` and judges what is between.
    fn split(&mut self, body: &str) {
        let mut start = 0;
        for (at, byte) in body.bytes().enumerate() {
            if matches!(byte, b':' | b'=' | b'/' | b'+' | b'%' | b'~') {
                self.piece(&body[start..at]);
                self.out.push(byte as char);
                start = at + 1;
            }
        }
        self.piece(&body[start..]);
    }

    fn piece(&mut self, piece: &str) {
        match whole(piece) {
            Some(placeholder) => self.out.push_str(placeholder),
            None => self.segments(piece),
        }
    }

    /// What is left are words and numbers joined by dots, hyphens and underscores.
    fn segments(&mut self, piece: &str) {
        if !piece.bytes().any(|byte| byte.is_ascii_digit()) {
            self.out.push_str(piece);
            return;
        }
        // Enhanced codes, and the answers of block lists.
        let list_answer = piece.starts_with("127.") && piece.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if list_answer || (enhanced_length(piece) == piece.len() && !piece.is_empty()) {
            self.out.push_str(piece);
            return;
        }
        let mut start = 0;
        let mut before = b' ';
        for (at, byte) in piece.bytes().enumerate() {
            if matches!(byte, b'.' | b'-' | b'_') {
                self.segment(&piece[start..at], before);
                self.out.push(byte as char);
                before = byte;
                start = at + 1;
            }
        }
        self.segment(&piece[start..], before);
    }

    /// One segment; `before` is the joint in front of it. `SC-001` and `OFR_416` are tokens, `id-20260102` is not.
    fn segment(&mut self, segment: &str, before: u8) {
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        if digits == 0 {
            self.out.push_str(segment);
        } else if digits == segment.len() {
            let token = matches!(before, b'-' | b'_')
                && digits <= 4
                && self.out.as_bytes().iter().rev().nth(1).is_some_and(|byte| byte.is_ascii_alphanumeric());
            self.out.push_str(if token { segment } else { "{n}" });
        } else if segment.len() >= MIN_ID_BYTES && !is_named_token(segment.as_bytes()) {
            self.out.push_str("{id}");
        } else {
            self.out.push_str(segment);
        }
    }
}

/// The placeholder for a whole run, when it is one thing.
fn whole(run: &str) -> Option<&'static str> {
    let bytes = run.as_bytes();
    let first = *bytes.first()?;
    let mut digits = 0;
    let mut dots = 0;
    let mut colons = 0;
    let mut hex = 0;
    let mut others = 0;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' => dots += 1,
            b':' => colons += 1,
            b'a'..=b'f' | b'A'..=b'F' => hex += 1,
            _ => others += 1,
        }
    }
    if digits == bytes.len() {
        return Some("{n}");
    }
    if others + hex == 0 && colons == 0 && dots == 3 {
        return if run.starts_with("127.") { None } else { Some("{ip}") };
    }
    if others == 0 && dots <= 3 && colons >= 2 && (hex > 0 || digits > 0) {
        let time = hex == 0 && colons == 2 && digits <= 6 && first.is_ascii_digit();
        return Some(if time { "{time}" } else { "{ip}" });
    }
    // IPv6 literals of RFC 5321 section 4.1.3.
    if bytes.len() > 5 && bytes[..5].eq_ignore_ascii_case(b"ipv6:") {
        return Some("{ip}");
    }
    if dots > 0 && is_host(run) {
        return if is_known_name(run) { None } else { Some("{host}") };
    }
    is_id(bytes, digits).then_some("{id}")
}

/// Ids: long runs in which letters and digits are mixed, hyphens and dots allowed.
fn is_id(bytes: &[u8], digits: usize) -> bool {
    if digits == 0
        || bytes.len() < MIN_ID_BYTES
        || bytes.iter().any(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')))
    {
        return false;
    }
    let plain = bytes.iter().all(u8::is_ascii_alphanumeric);
    if plain { digits >= 2 && !is_named_token(bytes) } else { bytes.len() >= 14 && digits >= 4 }
}

/// `2026-11-22T10:00:00.123Z` and what begins like it.
fn is_timestamp(run: &str) -> bool {
    let bytes = run.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0..4) && bytes.get(4) == Some(&b'-') && digits(5..7) && bytes.get(7) == Some(&b'-') && digits(8..10)
}

/// `RL000010`, `IPBL00001`: capitals, then digits. A token that names a refusal, not an id.
fn is_named_token(bytes: &[u8]) -> bool {
    let capitals = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let digits = bytes[capitals..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (2..=5).contains(&capitals) && digits <= 6 && capitals + digits == bytes.len()
}

/// A domain name (RFC 1035 section 2.3.1) whose last label looks like a top-level domain.
fn is_host(run: &str) -> bool {
    let Some((front, last)) = run.rsplit_once('.') else { return false };
    if front.is_empty() || last.len() < 2 || last.len() > 14 || !last.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    if !front.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) || front.ends_with('.') {
        return false;
    }
    let lower = run.bytes().all(|byte| !byte.is_ascii_uppercase());
    is_common_tld(last) || (lower && !last.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_common_tld(label: &str) -> bool {
    const COMMON: &[&str] =
        &["com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "local", "lan", "test", "example", "invalid", "localdomain"];
    COMMON.iter().any(|tld| label.eq_ignore_ascii_case(tld))
}

/// Names that say why: block lists, and the sites where providers explain their refusals.
fn is_known_name(host: &str) -> bool {
    const NAMES: &[&str] = &[
        "spamhaus.org",
        "spamhaus.net",
        "spamcop.net",
        "barracudacentral.org",
        "sorbs.net",
        "uceprotect.net",
        "surbl.org",
        "uribl.com",
        "abuseat.org",
        "mailspike.net",
        "mailspike.org",
        "senderscore.com",
        "returnpath.net",
        "blocklist.de",
        "surriel.com",
        "spameatingmonkey.net",
        "invaluement.com",
        "nixspam.org",
        "manitu.net",
        "backscatterer.org",
        "dnswl.org",
        "spamrats.com",
        "cloudmark.com",
        "trustedsource.org",
        "senderbase.org",
        "talosintelligence.com",
        "proofpoint.com",
        "mimecast.com",
        "hostkarma.junkemailfilter.com",
        "abusix.zone",
        "abusix.com",
        "wpbl.info",
        "njabl.org",
        "truncate.gbudb.net",
        "fabel.dk",
        "0spam.org",
        "interserver.net",
        "s5h.net",
        "mcafee.com",
        "symantec.com",
        "messagelabs.com",
        "virusfree.cz",
        "office.com",
        "gmail.com",
        "gmx.net",
        "yahoo.com",
        "outlook.com",
        "hotmail.com",
        "icloud.com",
        "t-online.de",
        "gsmtp",
        "spfbl.net",
        "pbl.org",
        "dsbl.org",
        "ordb.org",
    ];
    let host = host.as_bytes();
    NAMES.iter().any(|name| {
        let Some(front) = host.len().checked_sub(name.len()) else { return false };
        let (prefix, suffix) = host.split_at(front);
        // `zen.` and `www.` are names of services; a longer prefix or one with digits is a machine.
        let service = prefix.is_empty() || (prefix.ends_with(b".") && front <= 16 && !prefix.iter().any(u8::is_ascii_digit));
        service && suffix.eq_ignore_ascii_case(name.as_bytes())
    })
}

/// Names of months and days, written with a capital as dates do. `May` is left out: it begins sentences.
fn is_calendar_word(word: &str) -> bool {
    matches!(
        word,
        "Jan"
            | "Feb"
            | "Mar"
            | "Apr"
            | "Jun"
            | "Jul"
            | "Aug"
            | "Sep"
            | "Oct"
            | "Nov"
            | "Dec"
            | "Mon"
            | "Tue"
            | "Wed"
            | "Thu"
            | "Fri"
            | "Sat"
            | "Sun"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_particular_goes_and_what_tells_stays() {
        let cases = [
            ("550 5.1.1 <joe@example.net>: User unknown", "550 5.1.1 <{address}>: User unknown"),
            ("554 blocked AUP#I-1210", "554 blocked AUP#I-1210"),
            ("550 refused AUP#1220", "550 refused AUP#1220"),
            (
                "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
                "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred - {ip}; see https://postmaster.yahooinc.com/error-codes",
            ),
            ("550 permanent failure (joe@example.net:blocked)", "550 permanent failure ({address}:blocked)"),
            (
                "554 listed 127.255.255.254 by zen.spamhaus.org, ask mx1.example.com",
                "554 listed 127.255.255.254 by zen.spamhaus.org, ask {host}",
            ),
            ("550-5.1.1 a line 550-5.1.1 goes on 550 5.1.1 and ends", "550-5.1.1 a line goes on and ends"),
            ("550-5.1.1 a line\\n550 5.1.1 and ends", "550-5.1.1 a line and ends"),
            ("554 30 Sorry (554.30)", "554 30 Sorry ({n}.{n})"),
            ("450 4.7.1 wait 300 seconds until 12:31:05", "450 4.7.1 wait {n} seconds until {time}"),
            ("access from 2001:db8::25 denied", "access from {ip} denied"),
            ("unknown user: \"joe\"", "unknown user: \"{name}\""),
            ("Reject, id=00356-01 - spam", "Reject, id={n}-{n} - spam"),
            (
                "see https://postmaster.gmx.net/case?c=r0201&i=ip&v=192.0.2.7&r=1abCdef234567",
                "see https://postmaster.gmx.net/case?c=r0201&i=ip&v={id}&r={id}",
            ),
            (
                "busy [DB5EUR03FT045.eop-EUR03.prod.protection.outlook.com 2026-11-22T10:00:00.000Z 08DCAAAAAAAAAA01]",
                "busy [{host} {time} {id}]",
            ),
            ("no \u{1b}[31mred\u{7} text  here ", "no ?[31mred? text here"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(template(text), expected, "{text}");
        }
    }

    #[test]
    fn one_template_for_many_refusals() {
        let one = template(
            "host mx1.example.net[192.0.2.5] said: 450 4.2.0 <a.b+c@example.org>: Greylisted, try again in 299 seconds (id 4ZK8wY2dHxz1Qp)",
        );
        let two = template(
            "host mx7.example.com[2001:db8::5] said: 450 4.2.0 <joe@example.net>: Greylisted, try again in 17 seconds (id 4ZL1aB9cDdz2Rt)",
        );
        assert_eq!(one, two);
        assert_eq!(template_hash(&one), template_hash(&two));
    }

    #[test]
    fn a_template_of_a_template_is_itself() {
        for text in ["550 5.1.1 <joe@example.net>: no, see https://example.org/a?b=12345678901", "421 4.7.28 too fast from 192.0.2.7"] {
            let once = template(text);
            assert_eq!(template(&once), once);
        }
    }
}
