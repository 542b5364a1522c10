//! What a bounce mail says of one recipient: from its delivery status (RFC 3464), or from what its body quotes.
//!
//! Enough for a bench: the formats of programs that write a status of their own are told by a few marks.

use mail_parser::{Message, MessageParser, MimeHeaders};

/// What is said of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The diagnostic text.
    pub(super) text: String,
    /// The host that said it; may be empty.
    pub(super) host: String,
    /// The enhanced code; may be empty.
    pub(super) status: String,
    /// Whether the text is a diagnosis or a quoted reply, and not what the reporting program says in general.
    pub(super) is_reply: bool,
}

/// A text shorter than this is no diagnosis.
const LEAST_BYTES: usize = 6;
/// What is cut out of a body ends here.
const MOST_BYTES: usize = 900;
/// Lines with one of these words begin the copy of the original mail.
const COPY: &[&str] = &[
    "original message ---",
    "original message follows",
    "original mail as follows",
    "-original message",
    "header of the original message",
    "copy of the message",
    "copy of the original message",
    "message headers follow",
    "unsent message follows",
];
/// How Exim begins what it logs too: with the step and the host, which the rules read.
const AS_LOGGED: &str = "SMTP error from remote mail server after";
/// How Postfix ends it.
const STEP: &str = "(in reply to ";
/// What stands before the words of the far side; the first that is found counts.
const MARKS: &[&str] = &[
    "SMTP error from remote",
    "Remote host said: ",
    "remote server said: ",
    "other server returned was: ",
    "response from the remote server was: ",
    "message generated response: ",
    "did not like our ",
    " said: ",
    "server message ",
    "refused to talk to me: ",
];

/// The report on the `index`-th recipient (from 1); `None` when nothing can be cut out.
pub(super) fn report(mail: &[u8], index: usize) -> Option<Report> {
    let message = MessageParser::default().parse(mail)?;
    let of_status = statuses(&status_text(&message, mail));
    let mut report = of_status.get(index.clamp(1, of_status.len().max(1)) - 1).cloned().unwrap_or_default();
    report.is_reply = !report.text.is_empty();
    if report.text.len() < LEAST_BYTES || !has_words(&report.text) {
        let raw = String::from_utf8_lossy(mail);
        let body = message.body_text(0).or_else(|| raw.split_once("\n\n").map(|parts| parts.1.into()))?;
        (report.text, report.is_reply) = quoted(&body, index)?;
    } else if let Some(step) = message.body_text(0).as_deref().and_then(step) {
        report.text = format!("{} {step}", report.text);
    }
    Some(report)
}

/// At which step it was said, in the words of Postfix, when the body names one step alone.
fn step(body: &str) -> Option<String> {
    let (_, rest) = body.split_once(STEP)?;
    let (inside, after) = rest.split_once(')')?;
    (!after.contains(STEP)).then(|| format!("{STEP}{})", inside.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn has_words(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| window.iter().all(u8::is_ascii_lowercase))
}

/// The delivery status of a mail; empty when it has none. The whole of a mail whose parts are broken is taken for one.
fn status_text(message: &Message<'_>, mail: &[u8]) -> String {
    let is_status = |part: &&mail_parser::MessagePart<'_>| {
        let kind = part.content_type().filter(|kind| kind.ctype() == "message");
        kind.and_then(|kind| kind.subtype()).is_some_and(|subtype| subtype.to_ascii_lowercase().ends_with("delivery-status"))
    };
    if let Some(part) = message.parts.iter().find(is_status) {
        return String::from_utf8_lossy(part.contents()).replace('\r', "");
    }
    String::from_utf8_lossy(mail).replace('\r', "")
}

/// The blocks of a delivery status that are about recipients.
fn statuses(text: &str) -> Vec<Report> {
    let text = unfolded(text);
    let mut found = Vec::new();
    for block in text.split("\n\n") {
        let field = |name: &str| {
            let line = block.lines().find(|line| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
            line.map(|line| line[name.len()..].trim().to_owned()).unwrap_or_default()
        };
        if field("final-recipient:").is_empty() && field("original-recipient:").is_empty() {
            continue;
        }
        let diagnostic = field("diagnostic-code:");
        let host = field("remote-mta:");
        let host = host.rsplit(';').next().unwrap_or_default().trim();
        let status = field("status:");
        found.push(Report {
            text: without_type(&diagnostic).split_whitespace().collect::<Vec<_>>().join(" "),
            host: host.split([' ', '(', '[']).next().unwrap_or_default().to_owned(),
            status: status.split([' ', '(']).next().unwrap_or_default().to_owned(),
            is_reply: true,
        });
    }
    found
}

/// Lines that go on with a blank are one (RFC 5322, section 2.2.3): the blank stays, the break goes.
fn unfolded(text: &str) -> String {
    text.replace("\n ", " ").replace("\n\t", "\t")
}

/// `smtp; 550 ...` without its type.
fn without_type(diagnostic: &str) -> &str {
    match diagnostic.split_once(';') {
        Some((kind, rest)) if !kind.contains(' ') => rest.trim(),
        _ => diagnostic,
    }
}

/// What a body says of the `index`-th recipient, without the copy of the original mail; and whether it quotes a reply.
fn quoted(body: &str, index: usize) -> Option<(String, bool)> {
    let own: Vec<&str> = body.lines().take_while(|line| !begins_copy(line)).collect();
    let lines = section(&own, index);
    let paragraphs = lines.split(|line| line.trim().is_empty());
    let flat: Vec<String> =
        paragraphs.map(|lines| lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")).collect();
    let by_mark = MARKS.iter().find_map(|mark| flat.iter().find_map(|text| after(text, mark)));
    let by_code = || flat.iter().find_map(|text| reply_at(text).map(|at| &text[at..]));
    let whole = flat.join(" ");
    let found = by_mark.or_else(by_code);
    let text = found.unwrap_or(&whole);
    let text = ["\\\"}", "\"}"].iter().find_map(|end| text.split_once(end)).map_or(text, |parts| parts.0);
    (text.len() >= LEAST_BYTES).then(|| (text[..text.floor_char_boundary(MOST_BYTES.min(text.len()))].to_owned(), found.is_some()))
}

/// What a mark announces: the reply behind it if there is one, else what follows it.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = text.find(mark)?;
    if text[at..].starts_with(AS_LOGGED) {
        return Some(&text[at..]);
    }
    let rest = &text[at + mark.len()..];
    let rest = reply_at(rest).map_or(rest, |at| &rest[at..]);
    (rest.len() >= LEAST_BYTES).then_some(rest)
}

/// The lines about the `index`-th recipient; all, when the recipients are not told apart.
fn section<'a, 'b>(lines: &'b [&'a str], index: usize) -> &'b [&'a str] {
    let places = |is: fn(&str) -> bool| -> Vec<usize> { (0..lines.len()).filter(|at| is(lines[*at])).collect() };
    let (starts, ends) = (places(names_recipient), places(closes_recipient));
    let at = index.wrapping_sub(1);
    if starts.len() > 1 && at < starts.len() {
        return &lines[starts[at]..starts.get(index).copied().unwrap_or(lines.len())];
    }
    if ends.len() > 1 && at < ends.len() {
        return &lines[at.checked_sub(1).map_or(0, |before| ends[before] + 1)..=ends[at]];
    }
    lines
}

/// `550 <joe@example.com>... User unknown`: how Sendmail ends its dialogue about a recipient.
fn closes_recipient(line: &str) -> bool {
    let rest = line.trim_start_matches(|each: char| each.is_ascii_digit());
    rest.len() + 3 == line.len() && rest.trim_start().starts_with('<') && rest.contains(">...")
}

fn begins_copy(line: &str) -> bool {
    let lower = line.to_lowercase();
    COPY.iter().any(|mark| lower.contains(mark)) || line.starts_with("Received:") || line.starts_with("Return-Path:")
}

/// `joe@example.com: 550 ...` and `<joe@example.com>:`.
fn names_recipient(line: &str) -> bool {
    let Some((address, _)) = line.split_once(':') else { return false };
    let address = address.trim_start_matches('<').trim_end_matches('>');
    address.contains('@') && !address.contains([' ', '<', '"'])
}

/// Where a reply code of a failure begins: three digits, 4xx or 5xx, at the start of a word.
fn reply_at(flat: &str) -> Option<usize> {
    let bytes = flat.as_bytes();
    (0..bytes.len().saturating_sub(3)).find(|&at| {
        let begins = at == 0 || matches!(bytes[at - 1], b' ' | b'(' | b'"');
        begins
            && matches!(bytes[at], b'4' | b'5')
            && bytes[at + 1].is_ascii_digit()
            && bytes[at + 2].is_ascii_digit()
            && matches!(bytes[at + 3], b' ' | b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "From: x\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; joe@example.net\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.net\nDiagnostic-Code: smtp; 550 5.1.1\n no such user\n\n--b--\n";

    #[test]
    fn a_delivery_status_is_read() {
        let report = report(STATUS.as_bytes(), 1).unwrap();
        assert_eq!(
            (report.text.as_str(), report.host.as_str(), report.status.as_str()),
            ("550 5.1.1 no such user", "mx.example.net", "5.1.1")
        );
    }

    #[test]
    fn without_one_the_quoted_words_are_taken() {
        let text = |mail: &str, index| report(mail.as_bytes(), index).map(|report| report.text);
        let mail = "From: x\n\nHi.\n<joe@example.net>:\nRemote host said: 550 no such\nuser\n\n--- Below this line is a copy of the message\nReceived: from x\nContent-Type: text/plain\n\nhello\n";
        assert_eq!(text(mail, 1).as_deref(), Some("550 no such user"));
        let two = "From: x\n\nIt failed:\n\njoe@example.net: 550 5.1.1 no such user\nann@example.net: 552 5.2.2 over quota\n\n    Below is a copy of the original message:\n";
        assert_eq!(text(two, 1).as_deref(), Some("550 5.1.1 no such user"));
        assert_eq!(text(two, 2).as_deref(), Some("552 5.2.2 over quota"));
        let transcript = "From: x\n\n<<< 554 5.7.1 blocked using bl.example\n554 <joe@example.net>... Remote protocol error\n550 <ann@example.org>... Host unknown\n";
        assert_eq!(
            text(transcript, 1).as_deref(),
            Some("554 5.7.1 blocked using bl.example 554 <joe@example.net>... Remote protocol error")
        );
        assert_eq!(text(transcript, 2).as_deref(), Some("550 <ann@example.org>... Host unknown"));
        assert_eq!(text("From: x\n\n", 1), None);
    }
}
