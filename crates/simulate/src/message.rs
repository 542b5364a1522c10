//! Messages in the queue of the simulated host.

use mailvane_model::Time;

use crate::queue_id::QueueId;

/// Where a recipient's mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To a destination of the world.
    Remote(u16),
    /// To our own content filter.
    Filter,
    /// To a mailbox here.
    Mailbox,
}

/// What is true of a recipient however often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepts,
    Unknown,
    Inactive,
    Full,
    /// Takes this message for spam.
    Spam,
    /// Refuses for its rules about authentication.
    Policy,
}

/// A recipient that is still open.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    /// The address, in the message's text: start and end.
    pub(crate) address: (u32, u32),
    /// The address before alias expansion, likewise; empty when it is the same.
    pub(crate) original: (u32, u32),
    pub(crate) target: Target,
    pub(crate) fate: Fate,
    pub(crate) attempts: u32,
    pub(crate) done: bool,
}

/// A message in the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) queue_id: QueueId,
    pub(crate) inode: u64,
    pub(crate) arrived: Time,
    pub(crate) size: u64,
    /// Sender, recipients and message-id end to end.
    pub(crate) text: Vec<u8>,
    pub(crate) sender: (u32, u32),
    pub(crate) message_id: (u32, u32),
    pub(crate) recipients: Vec<Recipient>,
    /// The recipients of the hop after the content filter.
    pub(crate) after_filter: Vec<Recipient>,
    /// Where a delivery notification to the sender goes; `None` for the null sender.
    pub(crate) sender_target: Option<Target>,
    /// The host that sent it to us, for the lines of the filter.
    pub(crate) client: (u32, u32),
    pub(crate) spam: bool,
}

impl Message {
    /// Appends to the text and says where it stands.
    pub(crate) fn keep(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> (u32, u32) {
        let start = self.text.len() as u32;
        write(&mut self.text);
        (start, self.text.len() as u32)
    }

    pub(crate) fn part(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.text[start as usize..end as usize]
    }

    /// Adds a recipient, unless it has the address already: Postfix delivers one copy to each (`duplicate_filter_limit`).
    pub(crate) fn add_recipient(&mut self, address: (u32, u32), target: Target, fate: Fate) {
        if !self.recipients.iter().any(|other| self.part(other.address) == self.part(address)) {
            self.recipients.push(Recipient { address, original: (0, 0), target, fate, attempts: 0, done: false });
        }
    }

    /// Adds a recipient of the hop after the content filter, likewise once.
    pub(crate) fn add_after_filter(&mut self, recipient: Recipient) {
        if !self.after_filter.iter().any(|other| self.part(other.address) == self.part(recipient.address)) {
            self.after_filter.push(recipient);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.recipients.iter().any(|recipient| !recipient.done)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.recipients.clear();
        self.after_filter.clear();
        self.sender_target = None;
        self.spam = false;
        self.sender = (0, 0);
        self.client = (0, 0);
        self.message_id = (0, 0);
    }
}

/// All messages in the queue; places are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    places: Vec<Message>,
    free: Vec<u32>,
}

impl Queue {
    /// A place for a new message.
    pub(crate) fn open(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Message::default());
            (self.places.len() - 1) as u32
        })
    }

    pub(crate) fn get(&self, index: u32) -> &Message {
        &self.places[index as usize]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Message {
        &mut self.places[index as usize]
    }

    /// The message is gone.
    pub(crate) fn close(&mut self, index: u32) {
        self.places[index as usize].clear();
        self.free.push(index);
    }

    /// How many messages are in the queue.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
