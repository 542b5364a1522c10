//! What a bounce mail says of one recipient: from its delivery status (RFC 3464), or from what its body quotes.
//!
//! Plain means: enough for a bench, not a reader of mail.

/// What is said of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The diagnostic text.
    pub(super) text: String,
    /// The host that said it; may be empty.
    pub(super) host: String,
    /// The enhanced code; may be empty.
    pub(super) status: String,
}

/// A text shorter than this is no diagnosis.
const LEAST_BYTES: usize = 6;
/// What is cut out of a body ends here.
const MOST_BYTES: usize = 900;

/// The report on the `index`-th recipient (from 1); `None` when nothing can be cut out.
pub(super) fn report(mail: &str, index: usize) -> Option<Report> {
    let mail = mail.replace('\r', "");
    let of_status = statuses(&mail);
    let mut report = of_status.get(index.clamp(1, of_status.len().max(1)) - 1).cloned().unwrap_or_default();
    if report.text.len() < LEAST_BYTES || !has_words(&report.text) {
        report.text = quoted(&body(&mail))?;
    }
    Some(report)
}

fn has_words(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| window.iter().all(u8::is_ascii_lowercase))
}

/// The blocks of a delivery status that are about recipients.
fn statuses(mail: &str) -> Vec<Report> {
    let Some(start) = find_ignoring_case(mail, "content-type: message/delivery-status") else { return Vec::new() };
    let text = unfolded(&mail[start..]);
    let mut found = Vec::new();
    for block in text.split("\n\n") {
        let field = |name: &str| {
            let line = block.lines().find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name));
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
            text: without_type(&diagnostic).to_owned(),
            host: host.split([' ', '(', '[']).next().unwrap_or_default().to_owned(),
            status: status.split([' ', '(']).next().unwrap_or_default().to_owned(),
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

fn find_ignoring_case(text: &str, lower: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(lower)
}

/// The first text of a mail: its first text part, or all of it after the head.
fn body(mail: &str) -> String {
    let after_head = mail.split_once("\n\n").map_or("", |parts| parts.1);
    let start = find_ignoring_case(after_head, "content-type: text/plain");
    let part = start.and_then(|at| after_head[at..].split_once("\n\n")).map_or(after_head, |parts| parts.1);
    let end =
        ["\n--", "\nReceived: from", "\n--- Below this line", "\n------ This is a copy"].iter().filter_map(|mark| part.find(mark)).min();
    part[..end.unwrap_or(part.len())].to_owned()
}

/// What a body quotes of the far side.
fn quoted(body: &str) -> Option<String> {
    const MARKS: &[(&str, bool)] = &[
        ("SMTP error from remote mail server after", true),
        ("SMTP error from remote mailer after", true),
        ("Remote host said: ", false),
        ("remote server said: ", false),
        ("<<< 5", true),
        ("<<< 4", true),
        ("The error that the other server returned was: ", false),
        ("The error was: ", false),
        (" said: ", false),
        ("did not like our ", true),
        ("550 ", true),
        ("554 ", true),
        ("553 ", true),
        ("552 ", true),
        ("451 ", true),
        ("450 ", true),
        ("421 ", true),
    ];
    let flat = body.split_whitespace().collect::<Vec<_>>().join(" ");
    for (mark, with_mark) in MARKS {
        if let Some(at) = flat.find(mark) {
            let text = if *with_mark { &flat[at..] } else { &flat[at + mark.len()..] };
            return Some(shortened(text.trim_start_matches("<<< ")));
        }
    }
    (flat.len() >= LEAST_BYTES).then(|| shortened(&flat))
}

fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(MOST_BYTES.min(text.len()))].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "From: x\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; joe@example.net\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.net\nDiagnostic-Code: smtp; 550 5.1.1\n no such user\n\n--b--\n";

    #[test]
    fn a_delivery_status_is_read() {
        let report = report(STATUS, 1).unwrap();
        assert_eq!(
            (report.text.as_str(), report.host.as_str(), report.status.as_str()),
            ("550 5.1.1 no such user", "mx.example.net", "5.1.1")
        );
    }

    #[test]
    fn without_one_the_quoted_words_are_taken() {
        let mail =
            "From: x\n\nHi.\n<joe@example.net>:\nRemote host said: 550 no such\nuser\n\n--- Below this line is a copy\nReceived: from x\n";
        assert_eq!(report(mail, 1).unwrap().text, "550 no such user");
        assert_eq!(report("From: x\n\n", 1), None);
    }
}
