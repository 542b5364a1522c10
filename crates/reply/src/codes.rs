//! Basic (RFC 5321) and enhanced (RFC 3463) codes out of a reply, and the reply out of what an MTA wrote around it.

use std::sync::LazyLock;

use mailvane_model::word::Stage;
use memchr::memmem;

use crate::peer;

// Searchers are made once: making one costs more than a search.
static ERROR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("MTP error "));
static ATTEMPTS: LazyLock<memmem::FinderRev<'static>> = LazyLock::new(|| memmem::FinderRev::new("' (delivery attempts"));

/// The codes of a reply. Absent: 0 and the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes<'a> {
    /// The three-digit reply code, 0 when there is none.
    pub basic: u16,
    /// `5.1.1`, empty when there is none.
    pub enhanced: &'a str,
    /// The rest of the text.
    pub text: &'a str,
}

/// Who wrote the words of a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Our own MTA: connection, DNS, TLS, queue, local delivery.
    #[default]
    Local,
    /// The far side, in answer to a command.
    Remote,
}

/// A failure taken apart: the words to judge, who wrote them, and in which step of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said<'a> {
    /// The reply of the far side without the MTA's frame, or the MTA's own words.
    pub reply: &'a str,
    /// Who wrote it.
    pub origin: Origin,
    /// The step, unknown when the text does not say.
    pub stage: Stage,
    /// Whether no attempt was made: Postfix answers for a destination that it suspended, from an earlier failure.
    pub suspended: bool,
}

/// How deep `delivery temporarily suspended:` and its like may be nested; the rest stays in the text.
const MAX_FRAMES: usize = 4;

/// The codes of a reply, with or without the frame that an MTA puts around it.
///
/// Reads `550-5.1.1 ...`, `550 #5.1.0 ...`, `5.7.1 ...` and qmail's `553 sorry ... (#5.7.1)`.
pub fn of(text: &str) -> Codes<'_> {
    of_reply(said(text).reply)
}

/// The codes of a bare reply: no frame is looked for.
pub fn of_reply(reply: &str) -> Codes<'_> {
    let reply = reply.trim_start();
    let (basic, rest) = match basic(reply) {
        Some(found) => found,
        None => (0, reply),
    };
    let (enhanced, rest) = leading_enhanced(rest);
    let enhanced = if enhanced.is_empty() { trailing_enhanced(rest) } else { enhanced };
    Codes { basic, enhanced, text: rest.trim() }
}

/// Takes the frame of the MTA off a failure text: Postfix, Exim, Sendmail, delivery reports.
pub fn said(text: &str) -> Said<'_> {
    let mut said = Said { reply: text.trim(), ..Said::default() };
    for _ in 0..MAX_FRAMES {
        let before = said.reply;
        unframe(&mut said);
        // What the far side wrote is never unwrapped further: it could imitate a frame.
        if said.origin == Origin::Remote || said.reply.len() == before.len() {
            break;
        }
    }
    if said.origin == Origin::Local && starts_with_code(said.reply) {
        said.origin = Origin::Remote;
    }
    if said.origin == Origin::Local && said.stage == Stage::Unknown {
        said.stage = local_stage(said.reply);
    }
    said
}

/// Whether what an MTA wrote quotes a system of this very server: a content filter on the loopback address, the mail store
/// behind a socket.
pub fn is_from_here(text: &str) -> bool {
    let text = text.trim_start();
    let said = text.strip_prefix(peer::SUSPENDED).unwrap_or(text).starts_with("host ");
    let here = |address: &str| matches!(address, "127.0.0.1" | "::1") || address.contains('/');
    said && peer::of(text).is_some_and(|peer| here(peer.ip))
}

/// The step of the session that a failure text names, unknown when it names none.
pub fn stage(text: &str) -> Stage {
    said(text).stage
}

/// Takes off one frame, if there is one.
fn unframe<'a>(said: &mut Said<'a>) {
    let text = said.reply;
    if let Some(inner) = text.strip_prefix(peer::SUSPENDED) {
        said.suspended = true;
        said.reply = inner;
    } else if let Some(inner) = text.strip_prefix("Deferred: ").or_else(|| strip_diagnostic_type(text)) {
        said.reply = inner.trim_start();
    } else if text.starts_with("host ") {
        postfix_host(said, text);
    } else if let Some(at) = sasl_reply(text) {
        said.reply = &text[at..];
        said.origin = Origin::Remote;
        said.stage = Stage::Auth;
        cut_stage(said);
    } else if let Some((stage, reply)) = exim_error(text) {
        *said = Said { reply, origin: Origin::Remote, stage, suspended: said.suspended };
    } else if let Some(reply) = ironport_reply(text) {
        *said = Said { reply, origin: Origin::Remote, stage: said.stage, suspended: said.suspended };
    } else if said.stage == Stage::Unknown {
        cut_stage(said);
    }
}

/// `host NAME[IP] said: REPLY (in reply to X command)` and `host NAME[IP] refused to talk to me: REPLY`.
fn postfix_host<'a>(said: &mut Said<'a>, text: &'a str) {
    const SAID: &str = " said: ";
    const REFUSED: &str = " refused to talk to me: ";
    // The name ends with the address in brackets; the far side's words come after it.
    let head_end = memchr::memchr(b']', text.as_bytes()).map_or(0, |at| at + 1);
    let tail = &text[head_end..];
    let find = |verb: &str| if tail.starts_with(verb) { Some(0) } else { memmem::find(tail.as_bytes(), verb.as_bytes()) };
    let (at, refused) = match find(SAID) {
        Some(0) => (SAID.len(), false),
        spoke => match (spoke, find(REFUSED)) {
            (Some(spoke), Some(refused)) if refused < spoke => (refused + REFUSED.len(), true),
            (Some(spoke), _) => (spoke + SAID.len(), false),
            (None, Some(refused)) => (refused + REFUSED.len(), true),
            (None, None) => return,
        },
    };
    said.reply = &tail[at..];
    said.origin = Origin::Remote;
    if refused {
        said.stage = Stage::Connect;
    }
    cut_stage(said);
}

/// Cuts ` (in reply to RCPT TO command)` off the end and notes the step.
fn cut_stage(said: &mut Said<'_>) {
    const MARK: &str = " (in reply to ";
    let bytes = said.reply.as_bytes();
    let mut opens = memchr::memrchr_iter(b'(', bytes);
    let marked = opens.find_map(|open| open.checked_sub(1).filter(|at| bytes[*at..].starts_with(MARK.as_bytes())));
    let Some(at) = marked else { return };
    let command = said.reply[at + MARK.len()..].trim_end_matches(')').trim_end_matches(" command");
    said.stage = command_stage(command);
    said.reply = said.reply[..at].trim_end();
}

/// The step that a command name stands for: `RCPT TO:<a@b>`, `end of DATA`, `MAIL FROM`, `initial connection`.
pub fn command_stage(command: &str) -> Stage {
    const COMMANDS: &[(&str, Stage)] = &[
        ("end of data", Stage::EndOfMessage),
        ("end-of-data", Stage::EndOfMessage),
        ("final dot", Stage::EndOfMessage),
        ("rcpt", Stage::Rcpt),
        ("mail", Stage::Mail),
        ("data", Stage::Data),
        ("bdat", Stage::Data),
        ("ehlo", Stage::Helo),
        ("helo", Stage::Helo),
        ("lhlo", Stage::Helo),
        ("initial connection", Stage::Connect),
        ("connect", Stage::Connect),
        ("starttls", Stage::Starttls),
        ("auth", Stage::Auth),
        ("vrfy", Stage::Vrfy),
        ("expn", Stage::Vrfy),
        ("etrn", Stage::Etrn),
    ];
    let command = command.trim_start();
    let command = strip_prefix_ignore_case(command, "pipelined ").unwrap_or(command);
    COMMANDS
        .iter()
        .find(|(prefix, _)| strip_prefix_ignore_case(command, prefix).is_some())
        .map_or(if command.is_empty() { Stage::Unknown } else { Stage::Other }, |(_, stage)| *stage)
}

/// The step in a reason that our own MTA wrote: `lost connection with x while sending RCPT TO`, `connect to x: ...`.
fn local_stage(text: &str) -> Stage {
    const WHILE: &[(&str, Stage)] = &[
        ("receiving the initial server greeting", Stage::Connect),
        ("initial server greeting", Stage::Connect),
        ("performing the EHLO handshake", Stage::Helo),
        ("performing the HELO handshake", Stage::Helo),
        ("performing the LHLO handshake", Stage::Helo),
        ("sending MAIL FROM", Stage::Mail),
        ("sending RCPT TO", Stage::Rcpt),
        ("receiving the STARTTLS response", Stage::Starttls),
        ("sending end of data", Stage::EndOfMessage),
        ("sending message body", Stage::EndOfMessage),
        ("sending DATA command", Stage::Data),
    ];
    if text.starts_with("connect to ") {
        return Stage::Connect;
    }
    if let Some(at) = text.find(" while ") {
        let rest = &text[at + " while ".len()..];
        return WHILE.iter().find(|(words, _)| rest.starts_with(words)).map_or(Stage::Other, |(_, stage)| *stage);
    }
    for frame in ["closed connection in response to ", "SMTP timeout after ", "SMTP timeout while connected to "] {
        if let Some(at) = text.find(frame) {
            return command_stage(&text[at + frame.len()..]);
        }
    }
    Stage::Unknown
}

/// `SASL authentication failed; server x[ip] said: 535 ...`: where the reply begins.
fn sasl_reply(text: &str) -> Option<usize> {
    let failed = text.starts_with("SASL authentication failed");
    failed.then(|| text.find(" said: ").map(|at| at + " said: ".len())).flatten()
}

/// `... SMTP error from remote mail server after RCPT TO:<a@b>: 550 ...`.
fn exim_error(text: &str) -> Option<(Stage, &str)> {
    const FRAMES: &[&str] =
        &["SMTP error from remote mail server after ", "SMTP error from remote mailer after ", "LMTP error after ", "SMTP error after "];
    // One search finds out that none of them is there.
    ERROR.find(text.as_bytes())?;
    let (at, frame) = FRAMES.iter().find_map(|frame| memmem::find(text.as_bytes(), frame.as_bytes()).map(|at| (at, *frame)))?;
    let rest = &text[at + frame.len()..];
    // The command may hold an address with colons; the reply begins at the first ": " before three digits.
    let mut from = 0;
    while let Some(colon) = rest[from..].find(": ") {
        let reply = rest[from + colon + 2..].trim_start();
        if basic(reply).is_some() {
            return Some((command_stage(&rest[..from + colon]), reply));
        }
        from += colon + 2;
    }
    // Sentences with a line break instead: "after end of data:\n    550 ...".
    let colon = rest.find(':')?;
    Some((command_stage(&rest[..colon]), rest[colon + 1..].trim_start()))
}

/// `smtp; 550 ...` and `X-Postfix; ...` of a delivery report (RFC 3464 section 2.3.6).
fn strip_diagnostic_type(text: &str) -> Option<&str> {
    const TYPES: &[&str] = &["smtp;", "lmtp;", "x-postfix;", "x-exim;", "x-unix;", "x-sendmail;", "dns;", "x-notes;"];
    TYPES.iter().find_map(|kind| strip_prefix_ignore_case(text, kind))
}

/// IronPort writes in its reports `5.1.0 - Unknown address error 550-'5.1.1 <a@b>... User unknown' (delivery attempts: 0)`.
fn ironport_reply(text: &str) -> Option<&str> {
    let attempts = ATTEMPTS.rfind(text.as_bytes())?;
    let error = text[..attempts].find(" error ").map(|at| at + " error ".len())?;
    let quote = text[error..attempts].find("-'").map(|at| error + at)?;
    (quote - error == 3 && basic(&text[error..]).is_some()).then(|| text[quote + 2..attempts].trim())
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    match text.as_bytes().get(..prefix.len()) {
        Some(head) if head.eq_ignore_ascii_case(prefix.as_bytes()) => text.get(prefix.len()..),
        _ => None,
    }
}

fn starts_with_code(reply: &str) -> bool {
    basic(reply).is_some() || !leading_enhanced(reply).0.is_empty()
}

/// A reply code at the start, and what follows it with the separator taken off.
fn basic(text: &str) -> Option<(u16, &str)> {
    let bytes = text.as_bytes();
    let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9', rest @ ..] = bytes else { return None };
    match rest.first() {
        None | Some(b' ' | b'-' | b'\t' | b'\\' | b':' | b',' | b';' | b'(' | b'[' | b'#' | b'\n' | b'\r') => {}
        _ => return None,
    }
    let code = u16::from(first - b'0') * 100 + u16::from(second - b'0') * 10 + u16::from(third - b'0');
    let rest = &text[3..];
    Some((code, rest.strip_prefix(['-', ' ', '\t', ':', ',', ';']).unwrap_or(rest)))
}

/// `5.1.1`, `#5.1.1`, `(#5.1.1)`, `[5.1.1]` at the start.
fn leading_enhanced(text: &str) -> (&str, &str) {
    let trimmed = text.trim_start();
    let body = trimmed.trim_start_matches(['#', '(', '[', ' ']);
    if trimmed.len() - body.len() > 3 {
        return ("", text);
    }
    match enhanced_length(body) {
        0 => ("", text),
        length => (&body[..length], body[length..].trim_start_matches([')', ']', ':'])),
    }
}

/// qmail writes the enhanced code at the end: `(#5.1.1)`; some write `[5.1.1]` or `(5.1.1)`.
fn trailing_enhanced(text: &str) -> &str {
    for at in memchr::memchr2_iter(b'#', b'(', text.as_bytes()) {
        let body = &text[at + 1..];
        let length = enhanced_length(body);
        if length > 0 && matches!(body.as_bytes().get(length), None | Some(b')' | b' ' | b',' | b';')) {
            return &body[..length];
        }
    }
    ""
}

/// The length of an enhanced code (RFC 3463 section 2) at the start of the text, 0 when there is none.
pub(crate) fn enhanced_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !matches!(bytes, [b'2' | b'4' | b'5', b'.', b'0'..=b'9', ..]) {
        return 0;
    }
    let subject = bytes[2..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let dot = 2 + subject;
    if subject > 3 || bytes.get(dot) != Some(&b'.') {
        return 0;
    }
    let detail = bytes[dot + 1..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let end = dot + 1 + detail;
    let clean_end = !matches!(bytes.get(end), Some(b'.')) || !bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    if detail == 0 || detail > 3 || !clean_end { 0 } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_and_a_mail_store_of_ours_are_told_from_the_far_side() {
        assert!(is_from_here("host 127.0.0.1[127.0.0.1] said: 451 4.5.0 no"));
        assert!(is_from_here("delivery temporarily suspended: host mx1.example.com[private/dovecot-lmtp] said: 451 4.3.0 no"));
        assert!(!is_from_here("host mx.example.net[192.0.2.5] said: 550 [127.0.0.1] is listed"));
        assert!(!is_from_here("550 no"));
    }

    #[test]
    fn codes_of_plain_continued_and_odd_replies() {
        let read = |text| {
            let codes = of(text);
            (codes.basic, codes.enhanced, codes.text)
        };
        assert_eq!(read("550-5.1.1 No such user"), (550, "5.1.1", "No such user"));
        assert_eq!(read("550 #5.1.0 Address rejected."), (550, "5.1.0", "Address rejected."));
        assert_eq!(read("421 4.7.0 [TSS04] slow down"), (421, "4.7.0", "[TSS04] slow down"));
        assert_eq!(
            read("553 sorry, no mailbox here by that name (#5.7.1)"),
            (553, "5.7.1", "sorry, no mailbox here by that name (#5.7.1)")
        );
        assert_eq!(read("5.7.1 Spam"), (0, "5.7.1", "Spam"));
        assert_eq!(read("550"), (550, "", ""));
        assert_eq!(read("55 x"), (0, "", "55 x"));
        assert_eq!(read("198.51.100.5 is down"), (0, "", "198.51.100.5 is down"));
        assert_eq!(read("5.1.1.1 is an address"), (0, "", "5.1.1.1 is an address"));
        assert_eq!(read(""), (0, "", ""));
    }

    #[test]
    fn frames_of_postfix_are_taken_off() {
        let text = "host mx.example.net[192.0.2.5] said: 550 5.1.1 <a@example.net>: gone (in reply to RCPT TO command)";
        let said = said(text);
        assert_eq!((said.reply, said.origin, said.stage), ("550 5.1.1 <a@example.net>: gone", Origin::Remote, Stage::Rcpt));
        assert_eq!(of(text).basic, 550);
        let refused = super::said("delivery temporarily suspended: host mx.example.net[192.0.2.5] refused to talk to me: 421 4.3.2 busy");
        assert_eq!((refused.reply, refused.stage, refused.suspended), ("421 4.3.2 busy", Stage::Connect, true));
    }

    #[test]
    fn local_reasons_keep_their_words_and_name_their_step() {
        let said = said("lost connection with mx.example.net[192.0.2.5] while receiving the initial server greeting");
        assert_eq!((said.origin, said.stage), (Origin::Local, Stage::Connect));
        assert_eq!(
            stage("conversation with mx.example.net[192.0.2.5] timed out while sending end of data -- message may be sent more than once"),
            Stage::EndOfMessage
        );
        assert_eq!(stage("connect to mx.example.net[192.0.2.5]:25: Connection refused"), Stage::Connect);
        assert_eq!(stage("unknown user: \"joe\""), Stage::Unknown);
    }

    #[test]
    fn frames_of_exim_and_sendmail_are_taken_off() {
        let exim = said(
            "H=mx.example.net [192.0.2.5]: SMTP error from remote mail server after pipelined MAIL FROM:<a@example.com> SIZE=900: 451 4.7.1 later",
        );
        assert_eq!((exim.reply, exim.stage), ("451 4.7.1 later", Stage::Mail));
        assert_eq!(stage("SMTP error from remote mail server after end of data: 554 no"), Stage::EndOfMessage);
        assert_eq!(stage("Remote host closed connection in response to EHLO mx.example.com"), Stage::Helo);
        let sendmail = said("Deferred: 450 4.2.0 <a@example.net>: greylisted");
        assert_eq!((sendmail.reply, sendmail.origin), ("450 4.2.0 <a@example.net>: greylisted", Origin::Remote));
        assert_eq!(said("smtp; 550 5.1.1 no").reply, "550 5.1.1 no");
    }

    #[test]
    fn the_far_host_is_named() {}

    #[test]
    fn the_quoted_reply_of_an_ironport_report_is_taken_out() {
        let said = said("5.1.0 - Unknown address error 550-'5.7.1 <a@example.net>... Access denied' (delivery attempts: 0)");
        assert_eq!((said.reply, said.origin), ("5.7.1 <a@example.net>... Access denied", Origin::Remote));
    }

    #[test]
    fn a_reply_that_imitates_a_frame_does_not_win() {
        let said =
            said("host mx.example.net[192.0.2.5] said: 554 5.7.1 rejected (in reply to MAIL FROM command) (in reply to RCPT TO command)");
        assert_eq!(said.stage, Stage::Rcpt);
    }
}
