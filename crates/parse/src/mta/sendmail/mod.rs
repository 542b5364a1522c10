//! Sendmail 8 under its usual program names: `sendmail`, `sm-mta`, `sm-msp-queue` and their kin.
//!
//! A line is `QUEUEID: text`, `NOQUEUE: text`, or text alone. See `doc/op/op.me` of Sendmail, section on the system log.

mod delivery;
mod server;
mod syntax;
#[cfg(test)]
mod tests;

pub use syntax::{Addresses, Recipients};

use crate::record::{Body, Client, Record, Severity};

/// A Sendmail line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The queue id, when the line has one.
    pub queue_id: Option<&'a [u8]>,
    /// What it says.
    pub event: Event<'a>,
}

/// `to=...`: one delivery attempt for each address of a list, or the word that they wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delivery<'a> {
    /// The recipients.
    pub to: Recipients<'a>,
    /// The list goes on in another line (`[more]`), with the same fields.
    pub more: bool,
    /// The address under whose authority it is delivered: the sender, or the alias or forward that it came by.
    pub controlling: &'a [u8],
    /// Time since it arrived, in milliseconds.
    pub delay_ms: Option<u32>,
    /// Time of this attempt, in milliseconds.
    pub transfer_ms: Option<u32>,
    /// The mailer: `esmtp`, `relay`, `local`, `prog`, `*file*`. Empty where nothing was tried: the message was refused or dropped whole.
    pub mailer: &'a [u8],
    /// The host it went to.
    pub relay: Client<'a>,
    /// The enhanced status code; empty in 8.8 and older.
    pub dsn: &'a [u8],
    /// Why it is in quarantine.
    pub quarantine: &'a [u8],
    /// The reply of the other side (8.16 and later, for failures).
    pub reply: &'a [u8],
    /// The result: `Sent (reply)`, `Deferred: why`, `queued`, or what the failure is called.
    pub stat: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// The reply where there is one, else the words of the result.
    pub fn words(&self) -> &'a [u8] {
        if !self.reply.is_empty() {
            return self.reply;
        }
        if let Some(reply) = self.stat.strip_prefix(b"Sent (") {
            return reply.strip_suffix(b")").unwrap_or(reply);
        }
        self.stat.strip_prefix(b"Deferred: ").unwrap_or(self.stat)
    }
}

/// What became of a message or command by a rule or a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Refused, with a reply.
    #[default]
    Reject,
    /// Taken and thrown away.
    Discard,
    /// Taken and kept from delivery.
    Quarantine,
}

/// `ruleset=check_rcpt, arg1=..., relay=..., reject=...`, `Milter: data, reject=...`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision<'a> {
    /// The ruleset, empty for a filter.
    pub ruleset: &'a [u8],
    /// The filter's name where the line has it.
    pub milter: &'a [u8],
    /// The step that a filter answered: `connect`, `helo`, `from`, `to`, `data`, `eom`.
    pub step: &'a [u8],
    /// What was looked at: the address, the host.
    pub argument: &'a [u8],
    /// The second argument.
    pub argument2: &'a [u8],
    /// The client.
    pub client: Client<'a>,
    /// What was decided.
    pub verdict: Verdict,
    /// Our reply, or the reason of a quarantine.
    pub text: &'a [u8],
}

/// Why a message was made from another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Child {
    /// `DSN: text`: a delivery notification to the sender.
    #[default]
    Dsn,
    /// `return to sender: text`: the same for a notification that failed itself.
    Returned,
    /// `sender notify: text`: a warning, or the word that it was given up.
    SenderNotify,
    /// `postmaster notify: text`
    PostmasterNotify,
}

/// What a Sendmail line says. Fields are as written; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The names of fields are those of the text above them.
pub enum Event<'a> {
    /// A line that is not known: its record is [`Body::Unparsed`].
    #[default]
    Unknown,
    /// A known line without use for us: its record is [`Body::Ignored`].
    Ignored,
    /// `from=<a>, size=N, class=N, nrcpts=N, msgid=<...>, proto=ESMTP, daemon=MTA, relay=host [address]`: a transaction ended, accepted or not.
    /// `submitter` is the local user of `relay=root@localhost`.
    From {
        sender: &'a [u8],
        size: u64,
        nrcpts: u32,
        message_id: &'a [u8],
        protocol: &'a [u8],
        daemon: &'a [u8],
        relay: Client<'a>,
        submitter: &'a [u8],
    },
    /// `to=...`
    Delivery(Delivery<'a>),
    /// `done; delay=..., ntries=N`: it left the queue (log level 10 and up).
    Done,
    /// `NEWID: DSN: text` and its kin.
    Child { new_queue_id: &'a [u8], kind: Child, text: &'a [u8] },
    /// `clone NEWID, owner=...`, `split: ...`: this message was made from `former`.
    Cloned { former: &'a [u8], owner: &'a [u8] },
    /// `connect from host [address]` (log level 10 and up).
    Connect { client: Client<'a> },
    /// `host [address] did not issue MAIL/EXPN/VRFY/ETRN during connection to DAEMON`
    NoTransaction { client: Client<'a>, daemon: &'a [u8] },
    /// `lost input channel from host [address] to DAEMON after rcpt`
    Lost { client: Client<'a>, daemon: &'a [u8], stage: &'a [u8] },
    /// `timeout waiting for input from host during server cmd read`
    TimedOut { peer: Client<'a>, during: &'a [u8] },
    /// A ruleset or a filter decided.
    Decision(Decision<'a>),
    /// `<address>... text`: a recipient (or sender) was refused by a reply of our own.
    AddressRefused { address: &'a [u8], text: &'a [u8] },
    /// `Too many recipients`, `message size (N) exceeds maximum (N)`: a command was refused.
    Refused { text: &'a [u8] },
    /// `rejecting commands from host [address] due to pre-greeting traffic`
    PreGreeting { client: Client<'a>, text: &'a [u8] },
    /// `host [address]: possible SMTP attack: command=AUTH, count=5`, `probable open proxy`, `VRFY joe`.
    Misbehaved { client: Client<'a>, text: &'a [u8] },
    /// `STARTTLS=client, relay=..., version=..., verify=..., cipher=..., bits=...`
    Tls { inbound: bool, relay: Client<'a>, version: &'a [u8], verification: &'a [u8], cipher: &'a [u8], bits: &'a [u8] },
    /// `STARTTLS=server, error: accept failed=...`
    TlsFailed { inbound: bool, relay: Client<'a>, text: &'a [u8] },
    /// `AUTH=server, relay=..., authid=..., mech=...`
    Authenticated { client: Client<'a>, user: &'a [u8], method: &'a [u8] },
    /// `AUTH failure (LOGIN): reason, user=..., relay=...`
    AuthFailed { client: Client<'a>, user: &'a [u8], method: &'a [u8], text: &'a [u8] },
    /// `AUTH=client, relay=..., mech=...`: we logged in elsewhere.
    LoggedIn { relay: Client<'a>, method: &'a [u8], text: &'a [u8] },
    /// `quarantine=reason`
    Quarantined { reason: &'a [u8] },
    /// `unquarantine`
    Released,
    /// `collect: premature EOM: ...`: the message did not arrive whole.
    Broken { text: &'a [u8] },
    /// `starting daemon (8.17.1): SMTP`, `stopping daemon, reason=signal`
    Lifecycle { what: &'a [u8], version: &'a [u8] },
    /// An error, or something an administrator should see.
    Trouble { text: &'a [u8] },
    /// A known line for the reader only.
    Note { text: &'a [u8] },
}

/// Whether a program is Sendmail.
pub(crate) fn is_program(program: &[u8]) -> bool {
    program.starts_with(b"sendmail")
        || program
            .strip_prefix(b"sm-")
            .is_some_and(|name| [&b"mta"[..], b"msp", b"acc", b"que", b"cl"].iter().any(|word| name.starts_with(word)))
}

/// Reads the message of a Sendmail line into its record, whose head is filled.
pub(crate) fn read<'a>(message: &'a [u8], record: &mut Record<'a>) {
    let (queue_id, part, text) = syntax::queue_id(message);
    // Parts of a long line after the first begin in the middle of a text.
    let event = if part > 1 { Event::Ignored } else { event(text.strip_suffix(b" ...").unwrap_or(text)) };
    record.severity = match &event {
        Event::Trouble { text } if text.starts_with(b"SYSERR") => Severity::Error,
        Event::Trouble { .. } => Severity::Warning,
        _ => Severity::Info,
    };
    record.body = match event {
        Event::Unknown => Body::Unparsed,
        Event::Ignored => Body::Ignored,
        event => Body::Sendmail(Line { queue_id, event }),
    };
}

fn event(text: &[u8]) -> Event<'_> {
    if let Some(list) = text.strip_prefix(b"to=") {
        return Event::Delivery(delivery::delivery(list));
    }
    if let Some(rest) = text.strip_prefix(b"from=") {
        return delivery::from(rest).unwrap_or_default();
    }
    if text.starts_with(b"done; ") {
        return Event::Done;
    }
    delivery::child(text).or_else(|| server::event(text)).unwrap_or_default()
}
