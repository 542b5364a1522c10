//! The lines of Exim: `[time] [zone] [pid] [message-id] text`, in its own files (mainlog, rejectlog, paniclog) or through syslog,
//! where the time is mostly doubled.
//!
//! The types are here; [`head`] takes off what stands before the text, [`syntax`] reads the parts that lines share, and one file
//! each reads the lines of a kind: arrivals, deliveries, other news of a message, refusals, sessions, the system.

mod arrival;
mod delivery;
pub(crate) mod head;
mod message;
mod reject;
mod session;
mod syntax;
mod system;
#[cfg(test)]
mod tests;

use crate::record::{Body, Record, Severity, When};

pub(crate) use syntax::{Tags, duration};

/// An Exim line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The message id, in its old form (6-6-2) or that of Exim 4.97 and later (6-11-4).
    pub message_id: Option<&'a [u8]>,
    /// What it says.
    pub event: Event<'a>,
}

/// A host as Exim writes it: `verified.name (helo) [address]:port`, each part but the address optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host<'a> {
    /// The name: verified by DNS for a client, the one asked for of a server.
    pub name: &'a [u8],
    /// What a client called itself, where it differs from its name.
    pub helo: &'a [u8],
    /// The address.
    pub ip: &'a [u8],
    /// The port, 0 where it is not written.
    pub port: u16,
    /// The local user that ran Exim (`U=`), or the answer to an ident question.
    pub user: &'a [u8],
}

/// `<=` and `(=`: a message arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arrival<'a> {
    /// `(=`: the client was told that it was refused.
    pub fake_reject: bool,
    /// Envelope sender; empty for the null sender.
    pub sender: &'a [u8],
    /// The client; nothing but a user for a local one.
    pub host: Host<'a>,
    /// The port of ours that the client came to (`I=`), 0 where it is not written.
    pub server_port: u16,
    /// `P=`: `esmtpsa`, `local`.
    pub protocol: &'a [u8],
    /// `X=`: version, cipher and bits.
    pub tls: &'a [u8],
    /// `A=`: authenticator, and after a colon the login.
    pub auth: &'a [u8],
    /// `R=`: the message that this notification is about.
    pub bounce_of: &'a [u8],
    /// `S=`: bytes.
    pub size: Option<u64>,
    /// `id=`: the Message-ID header without its brackets.
    pub header_id: &'a [u8],
    /// What stands after `for`: the envelope recipients, with blanks between.
    pub recipients: &'a [u8],
    /// The line was too long for syslog: there are more recipients, in pieces that follow.
    pub cut: bool,
    /// All tags, for whoever wants the rest.
    pub tags: &'a [u8],
}

/// What happened to one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flag {
    /// `=>`: delivered.
    #[default]
    Delivered,
    /// `->`: delivered in the same transaction as the one before.
    Further,
    /// `>>`: delivered while it came in (cutthrough), and so before its arrival is logged.
    Cutthrough,
    /// `*>`: would have been delivered, but delivery was suppressed by `-N`.
    Suppressed,
    /// `**`: failed for good.
    Failed,
    /// `==`: not now.
    Deferred,
}

/// `=>` and its kin: the result for one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delivery<'a> {
    /// What happened.
    pub flag: Flag,
    /// Where it went: an address, a local part, `|command`, `/file`, `>address`, `:blackhole:`.
    pub address: &'a [u8],
    /// The first address that it came from, in angle brackets; empty where it is the same.
    pub original: &'a [u8],
    /// `R=`
    pub router: &'a [u8],
    /// `T=`
    pub transport: &'a [u8],
    /// `H=`: the server.
    pub host: Host<'a>,
    /// Whether the connection had been used before (`]*`).
    pub reused: bool,
    /// The number in `defer (N)`.
    pub errno: Option<i32>,
    /// All that follows it: the error and where it came up, with the host.
    pub reason: &'a [u8],
    /// `X=`: version, cipher and bits.
    pub tls: &'a [u8],
    /// `CV=`: whether the certificate was verified: `yes`, `no`, `dane`.
    pub verified: &'a [u8],
    /// What was wrong; of a success the confirmation (`C=`).
    pub text: &'a [u8],
    /// `QT=`: milliseconds since arrival.
    pub queue_ms: Option<u32>,
    /// `DT=`: milliseconds that the delivery took.
    pub delivery_ms: Option<u32>,
    /// All tags, for whoever wants the rest.
    pub tags: &'a [u8],
}

/// A refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rejection<'a> {
    /// Whether the client was asked to come again.
    pub temporary: bool,
    /// Whether the client was told that all is well, and the recipient or message thrown away.
    pub discarded: bool,
    /// What was refused: `connection`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `AUTH`, `local`.
    pub stage: &'a [u8],
    /// The client.
    pub host: Host<'a>,
    /// `F=`; `None` where the line has none.
    pub sender: Option<&'a [u8]>,
    /// The recipient of a refused `RCPT`.
    pub recipient: Option<&'a [u8]>,
    /// What the client said at the greeting, where the refusal is about that.
    pub helo: &'a [u8],
    /// `A=`
    pub auth: &'a [u8],
    /// Why.
    pub text: &'a [u8],
}

/// What an Exim line says. Fields are as written; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The names of fields are those of the text above them.
pub enum Event<'a> {
    /// A line that is not known: counted as unparsed.
    #[default]
    Unknown,
    /// A known line without use for us.
    Ignored,
    /// A message arrived.
    Arrival(Arrival<'a>),
    /// The result for one recipient.
    Delivery(Delivery<'a>),
    /// `Completed`: the message left the queue.
    Completed { queue_ms: Option<u32> },
    /// `H=host [ip]: SMTP error ...` with a message id: one server failed, another is tried or a result follows.
    HostFailed { host: Host<'a>, text: &'a [u8] },
    /// `Frozen`, `frozen by`: no delivery is tried until somebody thaws it.
    Frozen { by: &'a [u8] },
    /// `Message is frozen`: still.
    StillFrozen,
    /// `Unfrozen by`
    Thawed { by: &'a [u8] },
    /// `removed by`, `cancelled by`: an operator, a filter or a limit of time took it from the queue.
    Removed { by: &'a [u8], text: &'a [u8] },
    /// `address <a> marked delivered by`: an operator took one recipient away.
    MarkedDelivered { address: &'a [u8], by: &'a [u8] },
    /// `a: error ignored`: a notification could not be delivered, and nobody is told.
    ErrorIgnored { address: &'a [u8] },
    /// A refusal.
    Rejection(Rejection<'a>),
    /// `H=... sender verify fail for <a>: text`: the reason of a refusal that follows.
    SenderVerify { host: Host<'a>, address: &'a [u8], deferred: bool, text: &'a [u8] },
    /// A failed login.
    AuthFailed { method: &'a [u8], host: Host<'a>, user: &'a [u8], text: &'a [u8] },
    /// `SMTP connection from host (TCP/IP connection count = N)`
    Connect { host: Host<'a> },
    /// `SMTP connection from host closed by QUIT`, `lost`, `no MAIL in SMTP connection from host`.
    Disconnect { host: Host<'a>, how: &'a [u8], lost: bool, commands: &'a [u8], duration: &'a [u8] },
    /// A session that Exim or the client ended with an error: `SMTP call from host dropped: too many ...`, timeouts.
    Dropped { host: Host<'a>, text: &'a [u8] },
    /// `TLS error on connection from host (where): text`
    TlsFailed { host: Host<'a>, text: &'a [u8] },
    /// A client broke the protocol: `SMTP syntax error in "..."`, `SMTP protocol synchronization error`.
    Misbehaved { host: Host<'a>, text: &'a [u8] },
    /// `no host name found for IP address`, `no IP address found for host`.
    Unresolved { name: &'a [u8], ip: &'a [u8] },
    /// `DKIM: d=... s=... [verification succeeded]`
    Dkim { domain: &'a [u8], selector: &'a [u8], result: &'a [u8], tags: &'a [u8] },
    /// The daemon or a queue run started, ended or was told something.
    Lifecycle { what: &'a [u8], version: &'a [u8] },
    /// A piece after the first of a line that syslog was too short for: `[2/3] text`.
    Piece { number: u32, of: u32, text: &'a [u8] },
    /// A known line for the reader only (`no immediate delivery`, warnings of an ACL).
    Note { text: &'a [u8] },
    /// Something is wrong on this host.
    Trouble { text: &'a [u8] },
}

/// Whether a program is Exim: `exim`, `exim4`, `exim-in`.
#[inline]
pub(crate) fn is_program(program: &[u8]) -> bool {
    program.starts_with(b"exim") && !program.starts_with(b"eximstats")
}

/// Reads the message of an Exim line into its record, whose head is filled.
#[inline(never)]
pub(crate) fn read<'a>(message: &'a [u8], record: &mut Record<'a>) {
    let (piece, message) = head::piece(message);
    if let Some((number, of)) = piece
        && number > 1
    {
        record.body = Body::Exim(Line { message_id: None, event: Event::Piece { number, of, text: message } });
        return;
    }
    let inner = head::take(message);
    if !matches!(record.when, When::Absolute { .. }) && inner.when != When::Missing {
        record.when = inner.when;
    }
    record.pid = record.pid.or(inner.pid);
    let (message_id, text) = head::message_id(inner.rest);
    let mut event = match message_id {
        Some(_) => of_message(text),
        None => of_nobody(text),
    };
    if let (Some((_, 2..)), Event::Arrival(arrival)) = (piece, &mut event) {
        arrival::cut_off(arrival);
    }
    record.severity = if matches!(event, Event::Trouble { .. }) { system::severity(text) } else { Severity::Info };
    record.body = match event {
        Event::Ignored => Body::Ignored,
        event => Body::Exim(Line { message_id, event }),
    };
}

/// A line that names a message.
fn of_message(text: &[u8]) -> Event<'_> {
    if let Some(event) = delivery::event(text) {
        return event;
    }
    match text {
        [b'<' | b'(', b'=', b' ', rest @ ..] => arrival::event(text[0] == b'(', rest),
        _ => message::event(text)
            .or_else(|| reject::event(text))
            .or_else(|| session::event(text))
            .or_else(|| system::event(text))
            .unwrap_or(Event::Unknown),
    }
}

/// A line that names no message.
fn of_nobody(text: &[u8]) -> Event<'_> {
    reject::event(text).or_else(|| session::event(text)).or_else(|| system::event(text)).unwrap_or(Event::Unknown)
}
