//! The lines of Postfix: `syslog_name[/service]/daemon[pid]: [severity: ][QUEUEID: ]text`.
//!
//! The types are here; `tag` reads the program, [`syntax`] the parts that lines share, and one file each the lines of a
//! group of daemons. Values are taken by their key, never by their position.

mod cleanup;
mod delivery;
mod postscreen;
mod qmgr;
mod smtpd;
mod syntax;
mod system;
mod tag;
#[cfg(test)]
mod tests;

use crate::record::{Body, Client, Record, Severity};

pub(crate) use delivery::milliseconds;
pub(crate) use syntax::{angle, peer};
pub(crate) use tag::{tag, tag_of};

/// The daemon (or command) that wrote a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are those of the programs.
pub enum Daemon {
    #[default]
    Other,
    Anvil,
    Bounce,
    Cleanup,
    Discard,
    Dnsblog,
    Error,
    Flush,
    Lmtp,
    Local,
    Master,
    Pickup,
    Pipe,
    PostfixScript,
    Postscreen,
    Postsuper,
    Proxymap,
    Qmgr,
    Scache,
    Sendmail,
    Showq,
    Smtp,
    Smtpd,
    Tlsmgr,
    Tlsproxy,
    TrivialRewrite,
    Verify,
    Virtual,
    Qmqpd,
    Postdrop,
    Policyd,
    Command,
}

impl Daemon {
    /// Whether it writes the results of delivery attempts.
    const fn delivers(self) -> bool {
        matches!(self, Daemon::Smtp | Daemon::Lmtp | Daemon::Local | Daemon::Virtual | Daemon::Pipe | Daemon::Error | Daemon::Discard)
    }

    /// The name of the program; `None` where it is not known or is one of many commands.
    pub const fn word(self) -> Option<&'static str> {
        Some(match self {
            Daemon::Other | Daemon::Command => return None,
            Daemon::Anvil => "anvil",
            Daemon::Bounce => "bounce",
            Daemon::Cleanup => "cleanup",
            Daemon::Discard => "discard",
            Daemon::Dnsblog => "dnsblog",
            Daemon::Error => "error",
            Daemon::Flush => "flush",
            Daemon::Lmtp => "lmtp",
            Daemon::Local => "local",
            Daemon::Master => "master",
            Daemon::Pickup => "pickup",
            Daemon::Pipe => "pipe",
            Daemon::PostfixScript => "postfix-script",
            Daemon::Postscreen => "postscreen",
            Daemon::Postsuper => "postsuper",
            Daemon::Proxymap => "proxymap",
            Daemon::Qmgr => "qmgr",
            Daemon::Scache => "scache",
            Daemon::Sendmail => "sendmail",
            Daemon::Showq => "showq",
            Daemon::Smtp => "smtp",
            Daemon::Smtpd => "smtpd",
            Daemon::Tlsmgr => "tlsmgr",
            Daemon::Tlsproxy => "tlsproxy",
            Daemon::TrivialRewrite => "trivial-rewrite",
            Daemon::Verify => "verify",
            Daemon::Virtual => "virtual",
            Daemon::Qmqpd => "qmqpd",
            Daemon::Postdrop => "postdrop",
            Daemon::Policyd => "policyd",
        })
    }
}

/// A Postfix line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The instance: the first part of the tag (`postfix`, `postfix-out`).
    pub instance: &'a [u8],
    /// The middle parts of the tag (`submission`, `10025`, `relay`), empty where there are none.
    pub service: &'a [u8],
    /// The daemon. Where the head lost it (an RFC 5424 app-name cut at the slash) it is inferred from the text.
    pub daemon: Daemon,
    /// The queue id; `None` for `NOQUEUE` and for lines without one.
    pub queue_id: Option<&'a [u8]>,
    /// What it says.
    pub event: Event<'a>,
}

/// How a delivery attempt ended, as Postfix writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// `sent`
    #[default]
    Sent,
    /// `deferred`
    Deferred,
    /// `bounced`
    Bounced,
    /// `SOFTBOUNCE`: a bounce turned into a deferral by `soft_bounce = yes`.
    SoftBounce,
    /// `expired`
    Expired,
    /// `force-expired`
    ForceExpired,
    /// `deliverable`, of an address probe.
    Deliverable,
    /// `undeliverable`, of an address probe.
    Undeliverable,
    /// Any other word (`undeliverable-but-not-cached`, trace actions).
    Other,
}

/// The result of one delivery attempt to one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delivery<'a> {
    /// Recipient, without angle brackets.
    pub to: &'a [u8],
    /// Recipient before expansion; `None` where the line has no `orig_to`.
    pub orig_to: Option<&'a [u8]>,
    /// The relay: name, address (or socket), port. Name only for `none`, `local`, `virtual` and transports.
    pub relay: Client<'a>,
    /// How often the connection was used.
    pub conn_use: u32,
    /// Seconds times 1000.
    pub delay_ms: Option<u32>,
    /// The four parts of it.
    pub delays_ms: Option<[u32; 4]>,
    /// The `tls=` summary of Postfix 3.11 and later.
    pub tls: &'a [u8],
    /// The enhanced status code.
    pub dsn: &'a [u8],
    /// The status word.
    pub status: DeliveryStatus,
    /// The status word as written.
    pub status_word: &'a [u8],
    /// What stands in the parentheses, without them.
    pub text: &'a [u8],
}

/// The verb of a policy decision line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of the verbs.
pub enum Verb {
    #[default]
    Reject,
    RejectWarning,
    Hold,
    Discard,
    Filter,
    Redirect,
    Bcc,
    Prepend,
    Replace,
    Strip,
    Info,
    Warn,
    Delay,
    Hangup,
    Permit,
    MilterReject,
    MilterHold,
    MilterDiscard,
    ProxyReject,
    ProxyAccept,
    Other,
}

/// A policy decision about a client, sender, recipient or message.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision<'a> {
    /// What was decided.
    pub verb: Verb,
    /// The verb as written.
    pub verb_word: &'a [u8],
    /// The step (`RCPT`, `END-OF-MESSAGE`), or `header`/`body` for a content check of cleanup.
    pub stage: &'a [u8],
    /// For a content check: the header or body line that matched.
    pub matched: &'a [u8],
    /// The client.
    pub client: Client<'a>,
    /// Our reply: `550 5.1.1 <a@b>: Recipient address rejected: ...`; the text of the rule for a content check.
    pub reply: &'a [u8],
    /// `None` where the line has no `from=`.
    pub sender: Option<&'a [u8]>,
    /// `None` where the line has no `to=`.
    pub recipient: Option<&'a [u8]>,
    /// `ESMTP` and the like.
    pub proto: &'a [u8],
    /// What the client called itself.
    pub helo: &'a [u8],
    /// The SASL user name.
    pub sasl_username: &'a [u8],
    /// The SASL method.
    pub sasl_method: &'a [u8],
}

/// What a Postfix line says. Fields are as written; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The names of fields are those of the text above them.
pub enum Event<'a> {
    /// A line of a known daemon that is not known: counted as unparsed.
    #[default]
    Unknown,
    /// A known line without use for us.
    Ignored,
    /// `connect from client`
    Connect { client: Client<'a> },
    /// `disconnect from client commands`
    Disconnect { client: Client<'a>, commands: &'a [u8] },
    /// `QUEUEID: client=...`: a message was opened by smtpd (or qmqpd). `queue_id` is `None` for a before-queue filter.
    Opened {
        client: Client<'a>,
        sasl_method: &'a [u8],
        sasl_username: &'a [u8],
        sasl_sender: &'a [u8],
        orig_queue_id: &'a [u8],
        orig_client: Client<'a>,
    },
    /// `QUEUEID: uid=N from=<sender>`: a message was opened by pickup.
    PickedUp { uid: u32, sender: &'a [u8], orig_id: &'a [u8] },
    /// A policy decision.
    Decision(Decision<'a>),
    /// `lost connection after`, `timeout after`, `too many errors after`.
    Lost { how: &'a [u8], stage: &'a [u8], client: Client<'a> },
    /// A failed login.
    AuthFailed { client: Client<'a>, method: &'a [u8], reason: &'a [u8], username: &'a [u8] },
    /// `Trusted TLS connection established from/to peer: TLSv1.3 with cipher C (...)`.
    Tls { inbound: bool, verification: &'a [u8], peer: Client<'a>, version: &'a [u8], cipher: &'a [u8] },
    /// `SSL_accept error`, `SSL_connect error`, `certificate verification failed`, handshake failures.
    TlsFailed { inbound: bool, peer: Client<'a>, text: &'a [u8] },
    /// `message-id=<...>`; `resent` for `resent-message-id=`.
    MessageId { id: &'a [u8], resent: bool },
    /// cleanup: `canceled` (3.10 and later), and qmgr's `removed (canceled)`.
    Canceled,
    /// `from=<>, size=N, nrcpt=N (queue active)`.
    Active { sender: &'a [u8], size: u64, nrcpt: u32 },
    /// `from=<>, status=expired, returned to sender`.
    Expired { sender: &'a [u8], forced: bool },
    /// qmgr: `removed`.
    Removed,
    /// A delivery attempt.
    Delivery(Delivery<'a>),
    /// `host X said: ...`, `connect to X: ...` without `to=`: not a final result, the next host is tried.
    /// `text` is the whole text, as it would stand in the parentheses of a delivery.
    HostSaid { peer: Client<'a>, text: &'a [u8] },
    /// `sender non-delivery notification: NEWID` and its kin. `kind` is as written before the colon.
    Notification { kind: &'a [u8], new_queue_id: &'a [u8] },
    /// `sender notification failed to a@x: reason` (3.11 and later).
    NotificationFailed { recipient: &'a [u8], text: &'a [u8] },
    /// postsuper removed it.
    AdminRemoved,
    /// postsuper requeued it: it gets a new queue id (`orig_id` of pickup).
    AdminRequeued,
    /// postsuper put it on hold.
    AdminHeld,
    /// postsuper released it from hold.
    AdminReleased,
    /// postsuper expired it.
    AdminExpired,
    /// A limit of anvil was exceeded: `Connection rate limit exceeded: 61 from c for service smtp`.
    LimitExceeded { limit: &'a [u8], count: u32, client: Client<'a>, service: &'a [u8] },
    /// postscreen and tlsproxy: `CONNECT`, `PASS NEW`, `PREGREET`, `DNSBL`, `HANGUP` and so on. `value` is the number or the text
    /// it carries: the server of `CONNECT`, the rank of `DNSBL`, `11 after 0.2` of `PREGREET`, what follows `after` elsewhere.
    Postscreen { word: &'a [u8], client: Client<'a>, value: &'a [u8] },
    /// dnsblog: `addr A listed by domain D as R`.
    Listed { address: &'a [u8], domain: &'a [u8], result: &'a [u8] },
    /// anvil or scache statistics: name and value.
    Statistics { name: &'a [u8], value: &'a [u8], subject: &'a [u8] },
    /// A daemon or the system started, reloaded or stopped. `what` is the whole text, `version` is set where it is written.
    Lifecycle { what: &'a [u8], version: &'a [u8] },
    /// A client broke the protocol: `improper command pipelining`, `bare <LF> received`, `non-SMTP command`.
    Misbehaved { what: &'a [u8], stage: &'a [u8], client: Client<'a> },
    /// `hostname X does not resolve to address A`: the name a client's address points to is not its own.
    Unresolved { client: Client<'a>, text: &'a [u8] },
    /// A known line for the reader only (`enabling PIX workarounds`, `skipped, still being delivered`).
    Note { text: &'a [u8] },
    /// A warning, error, fatal or panic that no other event describes.
    Trouble { text: &'a [u8] },
}

/// Reads the message of a Postfix line into its record, whose head is filled.
#[inline]
pub(crate) fn read<'a>(tag: tag::Tag<'a>, message: &'a [u8], record: &mut Record<'a>) {
    let (severity, text) = syntax::severity(message);
    let (id, text) = syntax::queue_id(text);
    let daemon = if tag.daemon == Daemon::Other { tag::infer(severity, text, id) } else { tag.daemon };
    record.severity = severity;
    record.body = Body::Postfix(Line { instance: tag.instance, service: tag.service, daemon, queue_id: id.id(), event: Event::Unknown });
    let Body::Postfix(line) = &mut record.body else { return };
    if daemon.delivers()
        && let Some(list) = text.strip_prefix(b"to=")
    {
        // Written where it stays: this is the line that logs are full of, and the largest event.
        line.event = Event::Delivery(Delivery::default());
        if let Event::Delivery(fields) = &mut line.event {
            delivery::fill(list, fields);
            if tag.daemon == Daemon::Other {
                line.daemon = tag::agent(fields);
            }
        }
        return;
    }
    set_event(daemon, severity, id, text, &mut line.event);
}

/// The event of a text whose severity and queue id are taken off. It is large and so written where it stays.
#[inline(always)]
fn set_event<'a>(daemon: Daemon, severity: Severity, id: syntax::Id<'a>, text: &'a [u8], event: &mut Event<'a>) {
    match daemon {
        Daemon::Smtpd | Daemon::Qmqpd => smtpd::set_event(severity, text, event),
        Daemon::Qmgr => *event = qmgr::qmgr(text),
        Daemon::Cleanup => *event = cleanup::event(text),
        Daemon::Bounce => *event = qmgr::bounce(text),
        Daemon::Pickup => *event = qmgr::pickup(text),
        Daemon::Postsuper => *event = qmgr::postsuper(text),
        Daemon::Postscreen | Daemon::Dnsblog | Daemon::Tlsproxy => *event = postscreen::event(text),
        daemon if daemon.delivers() => *event = delivery::event(severity, id, text),
        _ => *event = system::event(daemon, text),
    }
    if severity != Severity::Info && *event == Event::Unknown {
        *event = Event::Trouble { text };
    }
}
