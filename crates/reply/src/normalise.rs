//! One template for a thousand refusals: addresses, IPs, host names, ids, times and numbers become placeholders.
//!
//! Rules are matched on the template, so two replies with one template have one verdict by construction.
//! What tells refusals apart is kept: codes, short tokens (`[TSS04]`, `S3150`, `c=r0201`), the names of block lists
//! and the host and path of links, and the answers of block lists in 127.0.0.0/8.

use crate::codes::enhanced_length;
use crate::token;

/// Longest text that is looked at, in bytes; what follows is cut off. Postfix cuts a whole record at 2000.
pub const MAX_TEXT_BYTES: usize = 4096;

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

/// What a byte is to the scanner: one bit each, so that a run knows what it holds by or-ing them.
mod class {
    /// Part of a word.
    pub(super) const WORD: u8 = 1;
    /// Part of a word, and a digit.
    pub(super) const DIGIT: u8 = 2;
    /// `@`.
    pub(super) const AT: u8 = 4;
    /// A dot.
    pub(super) const DOT: u8 = 8;
    /// Holds words together otherwise: part of an address, an id or a time.
    pub(super) const JOINT: u8 = 16;
    /// Any of the above: part of a run.
    pub(super) const RUN: u8 = WORD | DIGIT | AT | DOT | JOINT;
    /// Blank or line break.
    pub(super) const BLANK: u8 = 32;
    /// Ends a word.
    pub(super) const OTHER: u8 = 64;
}

const CLASSES: [u8; 256] = {
    let mut classes = [class::OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => class::DIGIT,
            b'A'..=b'Z' | b'a'..=b'z' | 0x80..=0xff => class::WORD,
            b'@' => class::AT,
            b'.' => class::DOT,
            b'-' | b'_' | b':' | b'=' | b'+' | b'/' | b'%' | b'~' => class::JOINT,
            b' ' | b'\t' | b'\r' | b'\n' => class::BLANK,
            _ => class::OTHER,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

/// Copies a text and replaces what is particular. What stays is copied in as few pieces as can be: `from` marks where
/// the part of the source begins that is not copied yet.
struct Writer<'t, 'o> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    from: usize,
    out: &'o mut String,
    /// The reply code with which the text begins, to recognise continuation lines; empty when there is none.
    code: &'t str,
}

impl<'t, 'o> Writer<'t, 'o> {
    fn new(text: &'t str, out: &'o mut String) -> Self {
        let bytes = text.as_bytes();
        let coded = matches!(bytes, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b'-' | b' ', ..]);
        Writer { text, bytes, at: 0, from: 0, out, code: if coded { &text[..3] } else { "" } }
    }

    fn run(&mut self) {
        if !self.code.is_empty() {
            self.lead();
        }
        while self.at < self.bytes.len() {
            match class(self.bytes[self.at]) {
                class::BLANK => self.blank(),
                class::OTHER => self.other(),
                _ => self.word(),
            }
        }
        self.out.push_str(&self.text[self.from..]);
        let trimmed = self.out.trim_end().len();
        self.out.truncate(trimmed);
    }

    /// Writes what stays up to `start`, then `with` in place of what is between `start` and `end`.
    fn replace(&mut self, start: usize, end: usize, with: &str) {
        self.out.push_str(&self.text[self.from..start]);
        self.out.push_str(with);
        self.from = end;
    }

    /// Replaces a part of the source.
    fn replace_part(&mut self, part: &'t str, with: &str) {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        self.replace(start, start + part.len(), with);
    }

    /// Whether nothing stands before `at`, or a blank.
    fn blank_before(&self, at: usize) -> bool {
        if self.from < at { self.bytes[at - 1] == b' ' } else { self.out.is_empty() || self.out.ends_with(' ') }
    }

    /// The codes at the start, and a small number behind them (`554 30 ...`, `552 1 ...`), stay as they are.
    fn lead(&mut self) {
        let blanks = self.bytes[4..].iter().take_while(|byte| **byte == b' ').count();
        let mut end = 4 + blanks;
        if blanks > 0 && self.bytes[3] == b' ' {
            self.replace(4, end, "");
        }
        let enhanced = enhanced_length(&self.text[end..]);
        if enhanced > 0 {
            end += enhanced;
        } else {
            let digits = self.bytes[end..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            if digits < 3 && matches!(self.bytes.get(end + digits), Some(b' ')) {
                end += digits;
            }
        }
        self.at = end;
    }

    /// Runs of blanks are one blank; a continuation code behind them is dropped.
    fn blank(&mut self) {
        let start = self.at;
        while self.at < self.bytes.len() && class(self.bytes[self.at]) == class::BLANK {
            self.at += 1;
        }
        if self.blank_before(start) {
            self.replace(start, self.at, "");
        } else if self.at - start > 1 || self.bytes[start] != b' ' {
            self.replace(start, self.at, " ");
        }
        self.continuation();
    }

    /// Drops `550-5.7.26 ` and `550 5.7.26 ` inside a joined reply that began with the same code.
    fn continuation(&mut self) {
        let [first, ..] = self.code.as_bytes() else { return };
        if self.bytes.get(self.at) != Some(first) || !self.bytes[self.at..].starts_with(self.code.as_bytes()) {
            return;
        }
        let after = self.at + 3;
        let Some(separator @ (b'-' | b' ')) = self.bytes.get(after).copied() else { return };
        let blanks = self.bytes[after + 1..].iter().take_while(|byte| **byte == b' ').count();
        let mut end = after + 1 + blanks;
        let enhanced = self.text.get(end..).map_or(0, enhanced_length);
        let joined = self.bytes.get(3) == Some(&b'-');
        if enhanced > 0 {
            end += enhanced;
        } else if separator != b'-' && !joined {
            return;
        }
        end += self.bytes[end..].iter().take_while(|byte| class(**byte) == class::BLANK).count();
        self.replace(self.at, end, "");
        self.at = end;
    }

    fn other(&mut self) {
        let byte = self.bytes[self.at];
        let start = self.at;
        // Exim writes line breaks of a reply as backslash and n.
        if byte == b'\\' && matches!(self.bytes.get(start + 1), Some(b'n' | b'r')) {
            self.at += 2;
            let blank = if self.blank_before(start) { "" } else { " " };
            self.replace(start, self.at, blank);
            self.continuation();
        } else if byte == b'"' && self.quoted_name() {
        } else {
            self.at += 1;
            if byte < 0x20 || byte == 0x7f {
                self.replace(start, self.at, "?");
            }
        }
    }

    /// `"joe"` and `"/usr/bin/filter"`: one word in quotes is a name.
    fn quoted_name(&mut self) -> bool {
        /// A longer word in quotes is no name.
        const MAX_NAME_BYTES: usize = 256;
        let rest = &self.bytes[self.at + 1..];
        let length = rest.iter().take(MAX_NAME_BYTES).take_while(|byte| !matches!(**byte, b'"' | b' ' | b'\t')).count();
        if length == 0 || rest.get(length) != Some(&b'"') {
            return false;
        }
        let end = self.at + length + 2;
        self.replace(self.at, end, "\"{name}\"");
        self.at = end;
        true
    }

    /// A run of words and joints: a link, an address, or pieces.
    fn word(&mut self) {
        let start = self.at;
        if matches!(self.bytes[start], b'h' | b'H') && self.link() {
            return;
        }
        let mut end = start;
        let (mut seen, mut seen_before_last) = (0_u8, 0_u8);
        while let Some(byte) = self.bytes.get(end) {
            let bits = class(*byte);
            if bits & class::RUN == 0 {
                break;
            }
            seen_before_last = seen;
            seen |= bits;
            end += 1;
        }
        self.at = end;
        let run = &self.text[start..end];
        if seen & class::AT != 0 && self.address(run) {
            return;
        }
        // The end of a sentence is no joint.
        let plain = |seen: u8| seen & (class::DIGIT | class::DOT) == 0;
        if plain(seen) || (plain(seen_before_last) && seen & class::DIGIT == 0) {
            if run.len() == 3 && run.as_bytes()[0].is_ascii_uppercase() && token::is_calendar_word(run) {
                self.replace(start, end, "{n}");
            }
            return;
        }
        self.pieces(run);
    }

    /// `http://...` and `https://...`: host and path stay, what is particular to one message goes.
    fn link(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        let scheme = match rest {
            [_, b't' | b'T', b't' | b'T', b'p' | b'P', b':', b'/', b'/', ..] => 7,
            [_, b't' | b'T', b't' | b'T', b'p' | b'P', b's' | b'S', b':', b'/', b'/', ..] => 8,
            _ => return false,
        };
        let ends = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b')' | b'"' | b'<' | b',' | b';' | b'\\');
        let length = rest.iter().take_while(|byte| !ends(**byte)).count();
        let link = &self.text[self.at + scheme..self.at + length];
        self.at += length;
        let host_end = link.find(['/', '?', '#']).unwrap_or(link.len());
        let mut piece_start = host_end;
        for at in host_end..=link.len() {
            if matches!(link.as_bytes().get(at), None | Some(b'/' | b'?' | b'&' | b'=' | b'#')) {
                let piece = &link[piece_start..at];
                if token::is_particular(piece) {
                    self.replace_part(piece, "{id}");
                }
                piece_start = at + 1;
            }
        }
        true
    }

    /// `local@domain`, with VERP and quoted-printable remains; false when it is none (`@` alone, `user @ host`).
    fn address(&mut self, run: &'t str) -> bool {
        // A domain has no colon: what follows one is not part of the address (`a@b:blocked`).
        let colon = run.find('@').and_then(|at| run[at..].find(':').map(|colon| at + colon));
        let run_end = self.at;
        let run = &run[..colon.unwrap_or(run.len())];
        let trimmed = run.trim_end_matches(['.', ':', '-', '/', '=']);
        let body = trimmed.trim_start_matches(['.', ':', '-', '/', '=']);
        let Some(at) = body.find('@') else { return false };
        if at == 0 && body.len() < 3 {
            return false;
        }
        // `to=joe@example.com`: the key stays.
        let key = ["from=", "to=", "rcpt=", "sender=", "recipient=", "mailto:", "rfc822;"].iter().find(|key| body.starts_with(**key));
        self.replace_part(&body[key.map_or(0, |key| key.len())..], "{address}");
        self.at = colon.map_or(run_end, |_| run.as_ptr() as usize - self.text.as_ptr() as usize + run.len());
        true
    }

    /// A run with digits or dots: cut into pieces at joints and each is judged.
    fn pieces(&mut self, run: &'t str) {
        let trimmed = run.trim_end_matches(['.', ':', '-', '/', '=', '_']);
        let body = trimmed.trim_start_matches(['.', ':', '-', '/', '=', '_', '+', '~', '%']);
        if token::is_timestamp(body) {
            self.replace_part(body, "{time}");
        } else if self.is_numbered_token(body) {
        } else if let Some(placeholder) = token::whole(body) {
            self.replace_part(body, placeholder);
        } else {
            self.split(body);
        }
    }

    /// `AUP#1220`: a short number behind a name and `#`.
    fn is_numbered_token(&self, body: &str) -> bool {
        let start = body.as_ptr() as usize - self.text.as_ptr() as usize;
        let named = matches!(&self.bytes[..start], [.., before, b'#'] if before.is_ascii_alphabetic());
        named && body.len() <= 4 && body.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Splits at `:`, `=`, `/`, `+`, `%`, `~` and judges what is between.
    fn split(&mut self, body: &'t str) {
        for piece in body.split([':', '=', '/', '+', '%', '~']) {
            match token::whole(piece) {
                Some(placeholder) => self.replace_part(piece, placeholder),
                None => self.segments(piece),
            }
        }
    }

    /// What is left are words and numbers joined by dots, hyphens and underscores.
    fn segments(&mut self, piece: &'t str) {
        if !piece.bytes().any(|byte| byte.is_ascii_digit()) {
            return;
        }
        // Enhanced codes, and the answers of block lists.
        let list_answer = piece.starts_with("127.") && piece.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if list_answer || (enhanced_length(piece) == piece.len() && !piece.is_empty()) {
            return;
        }
        let mut start = 0;
        let mut kept_before = false;
        for at in 0..=piece.len() {
            if matches!(piece.as_bytes().get(at), None | Some(b'.' | b'-' | b'_')) {
                let segment = &piece[start..at];
                let token_joint = start > 0 && kept_before && piece.as_bytes()[start - 1] != b'.';
                kept_before = self.segment(segment, token_joint);
                start = at + 1;
            }
        }
    }

    /// One segment, and whether it stays. `SC-001` and `OFR_416` are tokens, `id-20260102` is not.
    fn segment(&mut self, segment: &'t str, token_joint: bool) -> bool {
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        if digits == 0 {
            return !segment.is_empty();
        }
        let placeholder = if digits == segment.len() {
            if token_joint && digits <= 4 {
                return true;
            }
            "{n}"
        } else if segment.len() >= token::MIN_ID_BYTES && !token::is_named_token(segment.as_bytes()) {
            "{id}"
        } else {
            return true;
        };
        self.replace_part(segment, placeholder);
        false
    }
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
