//! What is open at the end of input, for whoever has the lines that follow.

use mailvane_model::{Address, MessageRow, Time};

use crate::assembler::Assembler;
use crate::ending;
use crate::life::{Flags, Life, State};

/// A message that is open at the end of input.
#[derive(Clone, Debug)]
pub struct Leftover<'a> {
    /// As it is now.
    pub message: MessageRow<'a>,
    /// The row that was told of it last, as far as it is counted.
    pub told: Option<MessageRow<'a>>,
    /// Whether there is something to tell that was not told. What nobody accepted yet is nothing to tell.
    pub is_news: bool,
    /// Whether a delivery was tried: then attempts were told that name it.
    pub is_tried: bool,
    /// The first hop of its chain.
    pub first: MessageRow<'a>,
    /// What went to a next hop.
    pub handed: Vec<Handed<'a>>,
}

/// A recipient whose delivery brought another message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Handed<'a> {
    /// The recipient on this side.
    pub recipient: Address<'a>,
    /// That message, if it was seen; else 0.
    pub next: u64,
    /// The queue id that the next hop gave, where the reply names one.
    pub queue_id: &'a str,
    /// When it was handed over.
    pub time: Time,
}

impl Assembler {
    /// Every message that is open, also those of which all that is known was told.
    pub fn leftovers(&self) -> impl Iterator<Item = Leftover<'_>> {
        let lives = self.lives.all().map(|(_, life)| life).filter(|life| !life.flags.has(Flags::REJECTED));
        lives.map(|life| self.leftover(life))
    }

    fn leftover<'a>(&'a self, life: &'a Life) -> Leftover<'a> {
        let view = self.view();
        let message = view.message(life);
        Leftover {
            told: view.told_message(life, &message),
            is_news: ending::is_message(life) && self.is_telling(life),
            is_tried: life.recipients.iter().any(|recipient| recipient.attempts > 0),
            first: view.message(view.root(life)),
            handed: self.handed(life),
            message,
        }
    }

    fn handed<'a>(&self, life: &'a Life) -> Vec<Handed<'a>> {
        let went = life.recipients.iter().filter(|recipient| recipient.state == State::Hop);
        let handed = went.map(|recipient| Handed {
            recipient: life.address(recipient),
            next: recipient.next.and_then(|next| self.lives.get(next)).map_or(0, |next| next.id),
            queue_id: recipient.last.as_ref().map_or("", |last| last.next_queue_id()),
            time: recipient.ended,
        });
        handed.collect()
    }
}
