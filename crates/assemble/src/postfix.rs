//! The lines of Postfix: what each one means for the life of its message, its connection, or this server.

mod decision;
pub(crate) mod queue;
mod smtpd;

use mailvane_model::word::Level;
use mailvane_model::{NoticeRow, Sink};
use mailvane_parse::Record;
use mailvane_parse::mta::postfix::{Daemon, Event, Line};
use mailvane_parse::record::Severity;

use crate::assembler::{Assembler, Here};

pub(crate) use queue::set_sender;

/// Ordinals that tell apart the events of one line in their ids.
pub(crate) mod ordinal {
    pub(crate) const REJECTION: u32 = 1;
    pub(crate) const AUTH: u32 = 2;
    pub(crate) const SESSION: u32 = 3;
    pub(crate) const NOTICE: u32 = 4;
}

impl Assembler {
    /// Takes a line of Postfix in.
    pub(crate) fn postfix_line(&mut self, here: Here, record: &Record<'_>, line: &Line<'_>, sink: &mut impl Sink) {
        let queue_id = line.queue_id;
        match &line.event {
            Event::Delivery(delivery) => self.delivery(here, line, delivery, sink),
            Event::Active { sender, size, nrcpt } => self.active(here, queue_id, sender, *size, *nrcpt, sink),
            Event::MessageId { id, resent } => self.message_id(here, queue_id, id, *resent, sink),
            Event::Removed => self.removed(here, queue_id, sink),
            Event::Connect { client } => self.connect(here, client),
            Event::Disconnect { client, commands } => self.disconnect(here, line, client, commands, sink),
            Event::Opened { .. } => self.opened(here, line, sink),
            Event::PickedUp { sender, orig_id, .. } => self.picked_up(here, queue_id, sender, orig_id, sink),
            Event::Decision(decision) => self.decision(here, line, decision, sink),
            Event::Lost { stage, .. } => self.lost(here, stage),
            Event::AuthFailed { client, method, reason, username } => self.auth_failed(here, client, method, reason, username, sink),
            Event::Tls { inbound, verification, peer, version, cipher } => self.tls(here, *inbound, verification, peer, version, cipher),
            Event::TlsFailed { inbound, peer, text } => self.tls_failed(here, line, (*inbound, peer), text, record.severity, sink),
            Event::Canceled => self.canceled(here, queue_id, sink),
            Event::Expired { forced, .. } => self.expired(here, queue_id, *forced, sink),
            Event::Notification { new_queue_id, .. } => self.notification(here, queue_id, new_queue_id, sink),
            Event::NotificationFailed { recipient, text } => {
                let text = format!("notification to {} failed: {}", here.text(recipient), here.text(text));
                self.notice(here, daemon_name(line.daemon), Level::Warning, &text, sink);
            }
            Event::AdminRemoved => self.admin_removed(here, queue_id, sink),
            Event::AdminRequeued => self.admin_requeued(here, queue_id, sink),
            Event::AdminHeld => self.admin_held(here, queue_id, true, sink),
            Event::AdminReleased => self.admin_held(here, queue_id, false, sink),
            Event::AdminExpired | Event::HostSaid { .. } => {
                if let Some(queue_id) = queue_id {
                    self.known(here, queue_id, sink);
                }
            }
            Event::LimitExceeded { limit, count, client, service } => {
                let (limit, name, ip, service) = (here.text(limit), here.text(client.name), here.text(client.ip), here.text(service));
                let text = format!("{limit} limit exceeded: {count} from {name}[{ip}] for service {service}");
                self.notice(here, daemon_name(line.daemon), Level::Warning, &text, sink);
            }
            Event::Postscreen { word, client, value } => self.postscreen(here, line, word, client, value, sink),
            Event::Lifecycle { what, .. } => {
                self.notice(here, daemon_name(line.daemon), level(record.severity), &here.text(what), sink);
            }
            Event::Trouble { text } => self.notice(here, daemon_name(line.daemon), level(record.severity), &here.text(text), sink),
            Event::Listed { .. } | Event::Statistics { .. } | Event::Ignored | Event::Unknown => {}
            #[allow(unreachable_patterns)] // Kinds of lines that later versions of the grammar know.
            _ => {}
        }
    }

    /// A line was written several times and came once: the count of what it says is not exact.
    pub(crate) fn repeated(&mut self, here: Here, times: u32, sink: &mut impl Sink) {
        self.notice(here, "syslog", Level::Info, &format!("the line before was repeated {times} times"), sink);
    }

    /// Tells a notice.
    pub(crate) fn notice(&mut self, here: Here, daemon: &str, level: Level, text: &str, sink: &mut impl Sink) {
        sink.notice(&NoticeRow {
            id: here.id(ordinal::NOTICE),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            daemon,
            level,
            text,
        });
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Info => Level::Info,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Error,
        Severity::Fatal => Level::Fatal,
        Severity::Panic => Level::Panic,
    }
}

/// The program of a daemon.
pub(crate) fn daemon_name(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Other => "",
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
        #[allow(unreachable_patterns)] // Programs that later versions of the grammar know.
        _ => "",
    }
}
