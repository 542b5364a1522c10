//! What a line has become: its head and the message of one daemon, borrowed from the line.

use crate::mta::{dovecot, exim, opensmtpd, postfix, sendmail};

/// The time of a head, before a year and a zone are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// No time stands in the line.
    #[default]
    Missing,
    /// Date, time and zone: microseconds since the epoch, and the written offset east of UTC in minutes.
    Absolute {
        /// Microseconds since the epoch, UTC.
        micros: i64,
        /// The offset that was written.
        offset_minutes: i16,
    },
    /// Date and time of a local clock, year known.
    Local {
        /// Microseconds since the epoch, as if the local clock were UTC.
        micros: i64,
    },
    /// RFC 3164: no year, no zone.
    Yearless {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
        /// Microseconds since midnight.
        micros: i64,
    },
}

/// The severity word of a Postfix line; `Info` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No word.
    #[default]
    Info,
    /// `warning:`
    Warning,
    /// `error:`
    Error,
    /// `fatal:`
    Fatal,
    /// `panic:`
    Panic,
}

/// A peer as Postfix writes it: `name[address]` or `name[address]:port`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client<'a> {
    /// The host name, `unknown` where there is no verified one; empty in the bare form `[address]`.
    pub name: &'a [u8],
    /// The address without brackets; a socket path for a local peer.
    pub ip: &'a [u8],
    /// The port, 0 where it is not written.
    pub port: u16,
}

/// One parsed line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record<'a> {
    /// The whole line where it is UTF-8 throughout, else empty. Every other field lies within it, so that its text need not be
    /// validated again.
    pub text: &'a str,
    /// When, as written.
    pub when: When,
    /// The host word; empty where the form has none.
    pub host: &'a [u8],
    /// The program as written: `postfix/submission/smtpd`. Exim's own files name none: then it is `exim`.
    pub program: &'a [u8],
    /// The process id.
    pub pid: Option<u32>,
    /// The severity word.
    pub severity: Severity,
    /// How often the line stands for itself: N for `message repeated N times: [ ... ]`, whose inner message is the body; else 0.
    pub repeated: u32,
    /// What the daemon says.
    pub body: Body<'a>,
}

/// The message of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Body<'a> {
    /// Nothing but white space or NULs.
    #[default]
    Empty,
    /// Another program's line, or a known line without use.
    Ignored,
    /// `last message repeated N times`; the form that carries the message is that message with [`Record::repeated`] set.
    Repeated {
        /// How often.
        times: u32,
    },
    /// A Postfix line.
    Postfix(postfix::Line<'a>),
    /// An Exim line.
    Exim(exim::Line<'a>),
    /// A Dovecot line.
    Dovecot(dovecot::Line<'a>),
    /// A Sendmail line.
    Sendmail(sendmail::Line<'a>),
    /// An OpenSMTPD line.
    OpenSmtpd(opensmtpd::Line<'a>),
    /// Neither known nor somebody else's: it is counted and shown.
    Unparsed,
}

impl<'a> Record<'a> {
    /// The instance of the MTA that wrote the line; empty where there is only one.
    #[inline]
    pub fn instance(&self) -> &'a [u8] {
        match &self.body {
            Body::Postfix(line) => line.instance,
            _ => b"",
        }
    }
}
