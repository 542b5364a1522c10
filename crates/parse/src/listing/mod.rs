//! What a mail server says is in its queue now: `postqueue -j` and `exim -bp`, line by line.

pub mod exim;
pub mod postfix;

/// Recipients of one message that are kept; the rest is counted.
const RECIPIENTS: usize = 1_000;

/// Where a message lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Given by a local program, not yet taken in.
    Maildrop,
    /// Being taken in.
    Incoming,
    /// Being tried.
    Active,
    /// Waiting for a retry.
    #[default]
    Deferred,
    /// Held by an administrator.
    Hold,
    /// Given up by Exim until somebody looks.
    Frozen,
}

impl Queue {
    /// Every one.
    pub const ALL: [Queue; 6] = [Queue::Maildrop, Queue::Incoming, Queue::Active, Queue::Deferred, Queue::Hold, Queue::Frozen];

    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Queue::Maildrop => "maildrop",
            Queue::Incoming => "incoming",
            Queue::Active => "active",
            Queue::Deferred => "deferred",
            Queue::Hold => "hold",
            Queue::Frozen => "frozen",
        }
    }

    /// Whether nothing happens to it before somebody acts.
    pub const fn is_held(self) -> bool {
        matches!(self, Queue::Hold | Queue::Frozen)
    }
}

/// A recipient that still waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address as listed.
    pub address: String,
    /// Why it waits, in the words of the mail server; empty when it does not say.
    pub reason: String,
}

/// A message in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies.
    pub queue: Queue,
    /// Its queue id.
    pub queue_id: String,
    /// How old it is, in seconds.
    pub age: i64,
    /// Its size in bytes; rounded where the listing rounds.
    pub size: u64,
    /// The envelope sender; empty is the null sender.
    pub sender: String,
    /// Who still waits for it.
    pub recipients: Vec<Recipient>,
    /// Recipients beyond those that are kept.
    pub more: u64,
}

impl Listed {
    fn push(&mut self, recipient: Recipient) {
        if self.recipients.len() < RECIPIENTS {
            self.recipients.push(recipient);
        } else {
            self.more += 1;
        }
    }

    /// How many recipients wait.
    pub fn waiting(&self) -> u64 {
        self.recipients.len() as u64 + self.more
    }
}
