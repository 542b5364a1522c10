//! OpenSMTPD in the three forms of its lines, all under the program name `smtpd`.
//!
//! | version | shape |
//! |---|---|
//! | 6.4 and later | `SESSION smtp envelope evpid=... from=<a> to=<b>`, `SESSION mta delivery evpid=... result="Ok" stat="250 ..."` |
//! | 6.0 to 6.3 | `SESSION smtp event=message ...`, `SESSION mta event=delivery evpid=...` |
//! | 5.x | `smtp-in: Accepted message MSGID on session SESSION: ...`, `relay: Ok for EVPID: ...`, `delivery: Ok for EVPID: ...` |
//!
//! Session and envelope ids are 16 hexadecimal digits; the first 8 of an envelope id are the id of its message. What the queue
//! itself says (`relay: Expire for EVPID`) has the oldest form in all versions.

mod old;
mod session;
mod syntax;
#[cfg(test)]
mod tests;

use crate::record::{Body, Client, Record, Severity};
use crate::syntax::split_at;

/// An OpenSMTPD line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The session id; empty where the line has none.
    pub session: &'a [u8],
    /// What it says.
    pub event: Event<'a>,
}

impl<'a> Line<'a> {
    /// The id of the message that the line is about; empty where it names none.
    pub fn message(&self) -> &'a [u8] {
        match self.event {
            Event::Message { message, .. } => message,
            Event::Envelope { evpid, .. } => message_of(evpid),
            Event::Delivery(delivery) => delivery.message(),
            _ => b"",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// `Ok`
    Ok,
    /// `TempFail`
    #[default]
    TempFail,
    /// `PermFail`, and `LoopFail`, which is one of them.
    PermFail,
    /// `Expire`: the queue gave it up.
    Expired,
    /// `Remove`: an administrator removed it.
    Removed,
}

/// One delivery attempt of one envelope, or its end in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delivery<'a> {
    /// The envelope id.
    pub evpid: &'a [u8],
    /// The envelope sender.
    pub sender: &'a [u8],
    /// The recipient that is tried.
    pub recipient: &'a [u8],
    /// The recipient as it was given, where it is another one.
    pub original: &'a [u8],
    /// Whether it is a delivery to a mailbox or program here.
    pub local: bool,
    /// The user of a local delivery.
    pub user: &'a [u8],
    /// How a local delivery is made: `maildir`, `mbox`, `mda`, `lmtp`.
    pub method: &'a [u8],
    /// The address we sent from.
    pub source: &'a [u8],
    /// The host it went to.
    pub relay: Client<'a>,
    /// Time since it arrived, in milliseconds.
    pub delay_ms: Option<u32>,
    /// The result.
    pub outcome: Outcome,
    /// The result as written.
    pub result: &'a [u8],
    /// The reply, or our own words.
    pub stat: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// The id of the message.
    pub fn message(&self) -> &'a [u8] {
        message_of(self.evpid)
    }
}

/// The id of the message of an envelope.
pub fn message_of(evpid: &[u8]) -> &[u8] {
    evpid.get(..8).unwrap_or(evpid)
}

/// What an OpenSMTPD line says. Fields are as written; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The names of fields are those of the text above them.
pub enum Event<'a> {
    /// A line that is not known: its record is [`Body::Unparsed`].
    #[default]
    Unknown,
    /// A known line without use for us: its record is [`Body::Ignored`].
    Ignored,
    /// `smtp connected address=192.0.2.7 host=mail.example.net`
    Connected { client: Client<'a> },
    /// `smtp message msgid=... size=N nrcpt=N proto=ESMTP`: a message was accepted. Up to 6.3 one such line stands for each recipient
    /// and carries the envelope.
    Message {
        message: &'a [u8],
        size: u64,
        recipients: u32,
        protocol: &'a [u8],
        sender: Option<&'a [u8]>,
        recipient: &'a [u8],
        client: Client<'a>,
    },
    /// `smtp envelope evpid=... from=<a> to=<b>`
    Envelope { evpid: &'a [u8], sender: &'a [u8], recipient: &'a [u8] },
    /// `smtp failed-command command="..." result="..."`; `command` is empty for `bad-input`.
    FailedCommand { command: &'a [u8], result: &'a [u8], client: Client<'a> },
    /// `smtp authentication user=joe result=ok`
    Authentication { user: &'a [u8], result: &'a [u8], client: Client<'a> },
    /// `smtp tls ciphers=TLSv1.3:CIPHER:256`, `mta tls ...`
    Tls { inbound: bool, version: &'a [u8], cipher: &'a [u8], bits: &'a [u8] },
    /// `mta cert-check result="valid"`, `mta server-cert-check result="failure"`
    CertificateCheck { inbound: bool, result: &'a [u8] },
    /// `smtp disconnected reason=quit`, `mta disconnected reason=quit messages=1`
    Disconnected { inbound: bool, reason: &'a [u8], messages: Option<u32>, client: Client<'a> },
    /// `mta connecting address=smtp://198.51.100.5:25 host=mx.example.net`
    Connecting { relay: Client<'a>, scheme: &'a [u8] },
    /// `mta connected`
    Reached,
    /// One attempt for one envelope.
    Delivery(Delivery<'a>),
    /// `mta error reason=...`: the session failed; the envelopes say so themselves, or wait for another route.
    SessionFailed { reason: &'a [u8] },
    /// `smtp-out: Disabling route ...`, `smtp-out: Failed to resolve MX for ...`: trouble with a destination.
    Route { text: &'a [u8] },
    /// The daemon started or stopped.
    Lifecycle { what: &'a [u8], version: &'a [u8] },
    /// A warning or worse that no other event describes.
    Trouble { text: &'a [u8] },
    /// A known line for the reader only.
    Note { text: &'a [u8] },
}

/// Whether a program is OpenSMTPD.
pub(crate) fn is_program(program: &[u8]) -> bool {
    program == b"smtpd" || program.starts_with(b"opensmtpd")
}

/// Reads the message of an OpenSMTPD line into its record, whose head is filled.
pub(crate) fn read<'a>(message: &'a [u8], record: &mut Record<'a>) {
    let levels = [
        (&b"info: "[..], Severity::Info),
        (b"warn: ", Severity::Warning),
        (b"warning: ", Severity::Warning),
        (b"error: ", Severity::Error),
        (b"fatal: ", Severity::Fatal),
    ];
    let leveled = levels.iter().find_map(|(word, severity)| Some((*severity, message.strip_prefix(*word)?)));
    let (severity, text) = leveled.unwrap_or((Severity::Info, message));
    record.severity = severity;
    let (session, event) = match split_at(text, b" ") {
        Some((id, rest)) if syntax::is_id(id, 16) => (id, session::event(rest)),
        _ => old::line(text).unwrap_or_else(|| (b"", system(text))),
    };
    let event = match event {
        Event::Unknown | Event::Note { .. } if severity != Severity::Info => Event::Trouble { text },
        event => event,
    };
    record.body = match event {
        Event::Unknown => Body::Unparsed,
        Event::Ignored => Body::Ignored,
        event => Body::OpenSmtpd(Line { session, event }),
    };
}

/// What the daemon says of itself.
fn system(text: &[u8]) -> Event<'_> {
    if let Some(rest) = text.strip_prefix(b"OpenSMTPD ") {
        let (version, _) = split_at(rest, b" ").unwrap_or((rest, b""));
        return Event::Lifecycle { what: text, version };
    }
    if text.ends_with(b"exiting") || text.starts_with(b"Exiting") || text.starts_with(b"startup") || text.starts_with(b"no action") {
        return Event::Lifecycle { what: text, version: b"" };
    }
    let noted = [&b"commands executed from aliases"[..], b"scheduler: ", b"queue: ", b"debug: ", b"trace: ", b"profile"];
    if noted.iter().any(|opening| text.starts_with(opening)) {
        return Event::Note { text };
    }
    Event::Unknown
}
