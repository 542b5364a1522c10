//! What success and intermediate replies and command names mean, and in which step of a session they come (RFC 5321).

use crate::codes;

/// One thing said in an SMTP session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The code or the command: `354`, `EHLO`.
    pub name: &'static str,
    /// Who says it.
    pub speaker: Speaker,
    /// In which step of a session it comes.
    pub step: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What follows, or what is to be done.
    pub next: &'static str,
}

/// Who speaks in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The sending side.
    Client,
    /// The receiving side.
    Server,
}

const fn reply(name: &'static str, step: &'static str, meaning: &'static str, next: &'static str) -> Phrase {
    Phrase { name, speaker: Speaker::Server, step, meaning, next }
}

const fn command(name: &'static str, step: &'static str, meaning: &'static str, next: &'static str) -> Phrase {
    Phrase { name, speaker: Speaker::Client, step, meaning, next }
}

/// Replies that are no failure, and the commands of a session, in the order in which they come.
pub const PHRASES: &[Phrase] = &[
    reply(
        "220",
        "the greeting, or the answer to STARTTLS",
        "The server is ready; after STARTTLS: begin the TLS handshake now.",
        "The client says EHLO, or begins the handshake.",
    ),
    command(
        "EHLO",
        "after the greeting, and again after STARTTLS",
        "The client gives its host name and asks which extensions the server knows.",
        "The server lists its extensions with 250.",
    ),
    command("HELO", "after the greeting", "The client gives its host name in the old way, without extensions.", "The server answers 250."),
    command(
        "LHLO",
        "after the greeting, in LMTP",
        "EHLO for local delivery (RFC 2033): the server answers for each recipient apart.",
        "The server lists its extensions with 250.",
    ),
    command(
        "STARTTLS",
        "after EHLO",
        "The client asks for an encrypted connection (RFC 3207).",
        "220 and a handshake, then EHLO again; 454 when it is not possible for now.",
    ),
    command("AUTH", "after EHLO", "The client logs in (RFC 4954).", "334 with a challenge, then 235, or 535 when the login is refused."),
    reply("334", "during AUTH", "The server waits for the next piece of the login.", "The client sends it in Base64."),
    reply("235", "the answer to AUTH", "The login is accepted.", "The client begins a message with MAIL FROM."),
    command(
        "MAIL",
        "the first command of a message",
        "The client names the envelope sender, to whom bounces go; <> is a notice itself.",
        "250, or a refusal of the sender.",
    ),
    command(
        "RCPT",
        "after MAIL FROM, once for each recipient",
        "The client names a recipient.",
        "250 for each that is taken; refusals here are about the recipient, or about policy.",
    ),
    command(
        "DATA",
        "after the recipients",
        "The client wants to send the message.",
        "354, then the message, ended by a line with a single dot.",
    ),
    command(
        "BDAT",
        "after the recipients, instead of DATA",
        "The client sends the message in chunks (RFC 3030).",
        "250 after each chunk; the last one counts.",
    ),
    reply(
        "354",
        "the answer to DATA",
        "Go ahead: the server waits for the message, ended by a line with a single dot.",
        "The verdict on the message comes after the dot.",
    ),
    reply(
        "250",
        "the answer to nearly every command",
        "Done. After the final dot: the server has taken the message over and must deliver it or report.",
        "Keep the id in the text: it finds the message in the other side's log.",
    ),
    reply(
        "251",
        "the answer to RCPT TO",
        "The user is not here; the server forwards to another address and takes the message.",
        "Nothing; take the new address when one is given.",
    ),
    reply(
        "252",
        "the answer to VRFY, or to RCPT TO in rare cases",
        "The server does not say whether the user exists, and takes the message anyway.",
        "Nothing.",
    ),
    reply("211", "the answer to HELP or STAT", "System status.", "Nothing."),
    reply("214", "the answer to HELP", "A text of help.", "Nothing."),
    command("VRFY", "at any time", "The client asks whether a user exists; most servers answer 252 to everybody.", "252, or 550."),
    command("EXPN", "at any time", "The client asks for the members of a list; mostly refused.", "502, or 550."),
    command("NOOP", "at any time", "Nothing, to keep the connection.", "250."),
    command("RSET", "between messages", "The client gives the message up that it began.", "250; then the next MAIL FROM, or QUIT."),
    command("ETRN", "after EHLO", "The client asks the server to send what waits for a domain (RFC 1985).", "250 to 253, or 458."),
    command("HELP", "at any time", "The client asks for help.", "214."),
    command(
        "XFORWARD",
        "before MAIL FROM, between servers of one house",
        "Postfix passes on who the real client was, for the log.",
        "250.",
    ),
    command(
        "XCLIENT",
        "before MAIL FROM, between servers of one house",
        "A proxy tells the server who the real client is.",
        "220 and a new greeting.",
    ),
    command("QUIT", "the last command", "The client ends the session.", "221."),
    reply("221", "the answer to QUIT", "Goodbye; the server closes the connection. Messages taken before stay taken.", "Nothing."),
];

/// What a success or intermediate code or a command name means; `None` for a failure and for anything else.
pub fn find(text: &str) -> Option<&'static Phrase> {
    let text = text.trim();
    let basic = codes::of_reply(text).basic;
    let word = text.split([' ', '\t', ':', '-']).next().unwrap_or("");
    PHRASES.iter().find(|phrase| match phrase.speaker {
        Speaker::Server => phrase.name.parse() == Ok(basic),
        Speaker::Client => phrase.name.eq_ignore_ascii_case(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_and_commands_are_known_and_failures_are_not() {
        assert_eq!(find("250 2.0.0 Ok: queued as 4ZK8wY2dHxz1Qp").map(|phrase| phrase.name), Some("250"));
        assert_eq!(find("354").map(|phrase| phrase.step), Some("the answer to DATA"));
        assert_eq!(find("ehlo mail.example.com").map(|phrase| phrase.name), Some("EHLO"));
        assert_eq!(find("MAIL FROM:<a@example.com>").map(|phrase| phrase.name), Some("MAIL"));
        assert_eq!(find("QUIT").map(|phrase| phrase.speaker), Some(Speaker::Client));
        assert_eq!(find("550 5.1.1 no such user"), None);
        assert_eq!(find("quite another thing"), None);
        assert_eq!(find(""), None);
    }
}
