//! The parts of a delivery text that a row needs: basic code, enhanced code, step of the session. Meaning is for `reply`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use mailvane_model::word::Stage;

// Searchers are made once: making one costs more than a search.
static SAID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" said: "));
static REFUSED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" refused to talk to me: "));
static IN_REPLY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("(in reply to "));
static EXIM_AFTER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" error from remote mail server after "));
static WHILE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" while "));

/// The codes in a delivery or refusal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    /// The basic code (RFC 5321 section 4.2), 0 when there is none.
    pub(crate) code: u16,
    /// The enhanced code in the text (RFC 3463), empty when there is none.
    pub(crate) enhanced: &'a str,
    /// The step that the reply answers.
    pub(crate) stage: Stage,
}

/// Reads `250 2.0.0 Ok`, `host mx[ip] said: 550 5.1.1 ... (in reply to RCPT TO command)` and their kin.
pub(crate) fn read(text: &str) -> Reply<'_> {
    let bytes = text.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return Reply { stage: Stage::EndOfMessage, ..codes(text) };
    }
    if let Some(at) = SAID.find(bytes) {
        return Reply { stage: stage_of(bytes), ..codes(&text[at + SAID.needle().len()..]) };
    }
    if let Some(at) = REFUSED.find(bytes) {
        return Reply { stage: Stage::Connect, ..codes(&text[at + REFUSED.needle().len()..]) };
    }
    if EXIM_AFTER.find(bytes).is_some() || bytes.starts_with(b"SMTP ") || bytes.starts_with(b"Remote host ") {
        let said = mailvane_reply::codes::said(text);
        return Reply { stage: said.stage, ..codes(said.reply) };
    }
    Reply { stage: stage_of_local_text(bytes), ..Reply::default() }
}

/// The step of the session in which a delivery failed, from what an MTA logged of it.
pub fn stage(text: &str) -> Stage {
    read(text).stage
}

/// The codes at the start of a reply: `550 5.1.1 text`, `550-5.1.1 text`, `5.7.1 text`.
pub(crate) fn codes(text: &str) -> Reply<'_> {
    let bytes = text.as_bytes();
    let (code, rest) = match bytes {
        [a @ b'2'..=b'5', b, c, rest @ ..]
            if b.is_ascii_digit() && c.is_ascii_digit() && !matches!(rest.first(), Some(b'.' | b'0'..=b'9')) =>
        {
            let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            let skip = if matches!(rest.first(), Some(b' ' | b'-')) { 4 } else { 3 };
            (code, &text[skip..])
        }
        _ => (0, text),
    };
    Reply { code, enhanced: enhanced(rest), stage: Stage::Unknown }
}

/// The basic code of a reply to a success, which needs no more.
pub(crate) fn success_code(text: &str) -> u16 {
    match text.as_bytes() {
        [a @ b'2', b, c, rest @ ..] if b.is_ascii_digit() && c.is_ascii_digit() && !matches!(rest.first(), Some(b'.' | b'0'..=b'9')) => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => 0,
    }
}

/// An enhanced code at the start of a text, also in Cisco's form `#5.1.0`.
fn enhanced(text: &str) -> &str {
    let text = text.strip_prefix('#').unwrap_or(text);
    let bytes = text.as_bytes();
    if !matches!(bytes, [b'2' | b'4' | b'5', b'.', ..]) {
        return "";
    }
    let digits = |from: usize| bytes[from..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let subject = digits(2);
    let dot = 2 + subject;
    if !(1..=3).contains(&subject) || bytes.get(dot) != Some(&b'.') {
        return "";
    }
    let detail = digits(dot + 1);
    let end = dot + 1 + detail;
    let goes_on = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    if (1..=3).contains(&detail) && !goes_on { &text[..end] } else { "" }
}

/// The step in `(in reply to RCPT TO command)` at the end of a text.
fn stage_of(text: &[u8]) -> Stage {
    // It stands near the end; the last one is Postfix's own.
    const NEAR_END_BYTES: usize = 64;
    let tail = &text[text.len().saturating_sub(NEAR_END_BYTES)..];
    let Some(at) = IN_REPLY.find_iter(tail).last() else { return Stage::Unknown };
    let step = &tail[at + IN_REPLY.needle().len()..];
    let starts = [
        (&b"RCPT"[..], Stage::Rcpt),
        (b"end of DATA", Stage::EndOfMessage),
        (b"MAIL", Stage::Mail),
        (b"DATA", Stage::Data),
        (b"BDAT", Stage::Data),
        (b"EHLO", Stage::Helo),
        (b"HELO", Stage::Helo),
        (b"LHLO", Stage::Helo),
        (b"STARTTLS", Stage::Starttls),
        (b"AUTH", Stage::Auth),
        (b"initial", Stage::Connect),
    ];
    starts.iter().find(|(word, _)| step.starts_with(word)).map_or(Stage::Other, |(_, stage)| *stage)
}

/// The step that Postfix's own texts name: `lost connection with X while performing the EHLO handshake`.
fn stage_of_local_text(text: &[u8]) -> Stage {
    if text.starts_with(b"connect to ") {
        return Stage::Connect;
    }
    let Some(at) = WHILE.find(text) else { return Stage::Unknown };
    let step = &text[at + 7..];
    let starts = [
        (&b"receiving the initial"[..], Stage::Connect),
        (b"performing the EHLO", Stage::Helo),
        (b"performing the HELO", Stage::Helo),
        (b"performing the LHLO", Stage::Helo),
        (b"sending MAIL", Stage::Mail),
        (b"sending RCPT", Stage::Rcpt),
        (b"sending DATA", Stage::Data),
        (b"sending message body", Stage::Data),
        (b"sending end of data", Stage::EndOfMessage),
    ];
    starts.iter().find(|(word, _)| step.starts_with(word)).map_or(Stage::Other, |(_, stage)| *stage)
}

/// The step of an inbound decision or of a lost connection (`RCPT`, `END-OF-MESSAGE`, `DATA (5123 bytes)`).
pub(crate) fn inbound_stage(word: &[u8]) -> Stage {
    let starts = [
        (&b"RCPT"[..], Stage::Rcpt),
        (b"CONNECT", Stage::Connect),
        (b"HELO", Stage::Helo),
        (b"EHLO", Stage::Helo),
        (b"MAIL", Stage::Mail),
        (b"DATA", Stage::Data),
        (b"BDAT", Stage::Data),
        (b"END-OF-MESSAGE", Stage::EndOfMessage),
        (b"header", Stage::EndOfMessage),
        (b"body", Stage::EndOfMessage),
        (b"mime-header", Stage::EndOfMessage),
        (b"nested-header", Stage::EndOfMessage),
        (b"AUTH", Stage::Auth),
        (b"STARTTLS", Stage::Starttls),
        (b"VRFY", Stage::Vrfy),
        (b"ETRN", Stage::Etrn),
        (b"UNKNOWN", Stage::Other),
    ];
    let named = starts.iter().find(|(name, _)| word.len() >= name.len() && word[..name.len()].eq_ignore_ascii_case(name));
    match named {
        Some((_, stage)) => *stage,
        None if word.is_empty() || word.eq_ignore_ascii_case(b"unknown") => Stage::Unknown,
        None => Stage::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_remote_replies() {
        let text = "host mx.example.net[192.0.2.1] said: 550 5.1.1 <a@example.net>: unknown (in reply to RCPT TO command)";
        assert_eq!(read(text), Reply { code: 550, enhanced: "5.1.1", stage: Stage::Rcpt });
        let text = "host mx.example.net[192.0.2.1] said: 450-4.2.1 slow 450 4.2.1 down (in reply to end of DATA command)";
        assert_eq!(read(text), Reply { code: 450, enhanced: "4.2.1", stage: Stage::EndOfMessage });
        let text = "host mx.example.net[192.0.2.1] refused to talk to me: 421 4.7.0 try later";
        assert_eq!(read(text), Reply { code: 421, enhanced: "4.7.0", stage: Stage::Connect });
        assert_eq!(read("250 2.0.0 Ok: queued as X").code, 250);
        assert_eq!(read("250 ok dirdel").enhanced, "");
        assert_eq!(read("unknown user: \"x\""), Reply::default());
        assert_eq!(read("connect to mx.example.net[192.0.2.1]:25: Connection timed out").stage, Stage::Connect);
        assert_eq!(read("lost connection with x[192.0.2.1] while sending RCPT TO").stage, Stage::Rcpt);
    }

    #[test]
    fn odd_codes() {
        assert_eq!(codes("554-5.7.1 no").enhanced, "5.7.1");
        assert_eq!(codes("550 #5.1.0 Address rejected").enhanced, "5.1.0");
        assert_eq!(codes("5.7.1 Spam"), Reply { code: 0, enhanced: "5.7.1", stage: Stage::Unknown });
        assert_eq!(codes("550 5.7 no").enhanced, "");
        assert_eq!(codes("550 5.1.1.2 no").enhanced, "");
        assert_eq!(codes("550 5.1.1. no").enhanced, "5.1.1");
        assert_eq!(codes("550 5.7.1234 no").enhanced, "");
        assert_eq!((success_code("250 ok"), success_code("delivered to maildir"), success_code("2.0.0 Ok")), (250, 0, 0));
        assert_eq!(codes("2500 x").code, 0);
        assert_eq!(codes("452").code, 452);
    }
}
