//! What is true of the lines written so far.

use mailvane_model::Time;

use crate::world::PROVIDERS;

/// Why a client was refused at SMTP time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RefusalKind {
    /// Its address is on a block list.
    Blocklisted,
    /// No such recipient here.
    UnknownUser,
    /// We do not relay for it.
    RelayDenied,
    /// Come back later.
    Greylisted,
    /// The sender's domain does not exist.
    SenderDomain,
    /// What it calls itself is no host name.
    Helo,
    /// Our own server could not decide (4.3.5).
    OwnTrouble,
    /// Refused by postscreen before a process of smtpd saw it.
    Postscreen,
}

/// How many kinds of refusal there are.
pub(crate) const REFUSAL_KINDS: usize = 8;

/// How one attempt ended, or how a recipient came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody took it.
    Delivered,
    /// Not yet.
    Deferred,
    /// Refused for good.
    Bounced,
    /// Given up after too long a time.
    Expired,
    /// Thrown away by our own filter.
    Discarded,
}

/// What a line makes true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    None,
    /// A message got a queue id.
    Message,
    /// An attempt at a provider. `closes`: the recipient is at its end with it; deferred and closed is expired, for the
    /// queue manager gives it up right after this line.
    Attempt {
        provider: u8,
        ending: Ending,
        closes: bool,
    },
    /// Handed to the content filter: an attempt, but no end.
    Internal,
    Refusal(RefusalKind),
    AuthFailed,
    /// A session with a login began a message.
    AuthOk,
    Notification,
    Disconnect,
    HangUp,
}

/// The attempts at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderTruth {
    /// Its name, one of [`PROVIDERS`].
    pub name: &'static str,
    /// Attempts that were accepted.
    pub delivered: u64,
    /// Attempts that were put off.
    pub deferred: u64,
    /// Attempts that were refused for good.
    pub bounced: u64,
    /// Recipients given up after the queue lifetime.
    pub expired: u64,
}

/// One attempt, kept when [`crate::Options::records`] is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientRecord {
    /// When its line was written.
    pub time: Time,
    /// The queue id of the hop that made the attempt.
    pub queue_id: String,
    /// The recipient, after alias expansion.
    pub recipient: String,
    /// The provider.
    pub provider: &'static str,
    /// How the attempt ended.
    pub ending: Ending,
    /// Which attempt it was, from 1.
    pub attempt: u32,
}

/// Counts of what was written. They change with the line that shows it, so they are exact wherever one stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Lines.
    pub lines: u64,
    /// Bytes, newlines included.
    pub bytes: u64,
    /// Queue-id lifetimes that began.
    pub messages: u64,
    /// Attempts (lines with `status=`), those at the content filter included.
    pub attempts: u64,
    /// Attempts that handed a message to our own content filter: not an end.
    pub internal: u64,
    /// Attempts that were put off.
    pub deferred: u64,
    /// Recipients delivered.
    pub delivered: u64,
    /// Recipients bounced.
    pub bounced: u64,
    /// Recipients expired.
    pub expired: u64,
    /// Recipients discarded by the filter.
    pub discarded: u64,
    /// Delivery notifications made.
    pub notifications: u64,
    /// Messages that came in after a login.
    pub auth_ok: u64,
    /// Failed logins.
    pub auth_failed: u64,
    /// Sessions with smtpd that ended.
    pub sessions: u64,
    /// Clients that hung up while postscreen looked at them.
    pub hung_up: u64,
    /// Refusals by kind, indexed by [`RefusalKind`].
    pub refusals: [u64; REFUSAL_KINDS],
    /// Attempts by provider, in the order of [`PROVIDERS`].
    pub providers: Vec<ProviderTruth>,
    /// Every attempt to somebody other than our own filter, when asked for.
    pub records: Vec<RecipientRecord>,
}

impl Truth {
    pub(crate) fn new() -> Self {
        Truth { providers: PROVIDERS.iter().map(|name| ProviderTruth { name, ..ProviderTruth::default() }).collect(), ..Truth::default() }
    }

    /// All refusals.
    pub fn refused(&self) -> u64 {
        self.refusals.iter().sum()
    }

    pub(crate) fn apply(&mut self, mark: Mark) {
        match mark {
            Mark::None => {}
            Mark::Message => self.messages += 1,
            Mark::Attempt { provider, ending, closes } => self.attempt(usize::from(provider), ending, closes),
            Mark::Internal => {
                self.attempts += 1;
                self.internal += 1;
            }
            Mark::Refusal(kind) => self.refusals[kind as usize] += 1,
            Mark::AuthFailed => self.auth_failed += 1,
            Mark::AuthOk => {
                self.messages += 1;
                self.auth_ok += 1;
            }
            Mark::Notification => self.notifications += 1,
            Mark::Disconnect => self.sessions += 1,
            Mark::HangUp => self.hung_up += 1,
        }
    }

    fn attempt(&mut self, provider: usize, ending: Ending, closes: bool) {
        self.attempts += 1;
        let at = &mut self.providers[provider];
        match ending {
            Ending::Delivered => at.delivered += 1,
            Ending::Deferred => at.deferred += 1,
            Ending::Bounced => at.bounced += 1,
            Ending::Expired | Ending::Discarded => {}
        }
        match ending {
            Ending::Deferred => {
                self.deferred += 1;
                if closes {
                    self.expired += 1;
                    self.providers[provider].expired += 1;
                }
            }
            Ending::Delivered if closes => self.delivered += 1,
            Ending::Bounced if closes => self.bounced += 1,
            Ending::Discarded if closes => self.discarded += 1,
            _ => {}
        }
    }
}
