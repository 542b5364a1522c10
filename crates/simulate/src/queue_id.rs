//! Queue ids as Postfix makes them: short ones that are used again, and long ones that are not.

use mailvane_model::Time;

use crate::text::Text;

/// Which form of queue id the host writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueIds {
    /// `enable_long_queue_ids = yes`: time in base 52, `z`, inode in base 51.
    #[default]
    Long,
    /// Five hex digits of microseconds and the inode: the same id comes again after a while.
    Short,
}

/// Digits without vowels, so that no id spells a word (`safe_ultostr` in Postfix).
const DIGITS: &[u8; 52] = b"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
const LONGEST: usize = 24;
/// Inodes are taken from a range of this size, and are free again when the message is gone.
const INODES: u64 = 60_000;
const FIRST_INODE: u64 = 0x2_1000;

/// A queue id, inline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct QueueId {
    bytes: [u8; LONGEST],
    length: u8,
}

impl QueueId {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

/// Hands out queue ids.
#[derive(Clone, Debug)]
pub(crate) struct QueueIdSource {
    form: QueueIds,
    free: Vec<u64>,
    next: u64,
}

fn in_base(value: u64, base: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = value;
    while rest > 0 || out.len() - start < width {
        out.push(DIGITS[(rest % base) as usize]);
        rest /= base;
    }
    out[start..].reverse();
}

impl QueueIdSource {
    pub(crate) fn new(form: QueueIds) -> Self {
        QueueIdSource { form, free: Vec::new(), next: 0 }
    }

    /// A new id for a message that arrives at `time`, and the inode to give back when it is gone.
    pub(crate) fn take(&mut self, time: Time) -> (QueueId, u64) {
        let inode = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            FIRST_INODE + self.next + (self.next / INODES) * 7
        });
        let micros = time.0.rem_euclid(Time::SECOND) as u64;
        let mut text = Vec::with_capacity(LONGEST);
        match self.form {
            QueueIds::Short => {
                text.hex(micros, 5, true).hex(inode, 1, true);
            }
            QueueIds::Long => {
                in_base(time.seconds().max(0) as u64, 52, 6, &mut text);
                in_base(micros, 52, 4, &mut text);
                text.push(b'z');
                in_base(inode, 51, 1, &mut text);
            }
        }
        text.truncate(LONGEST);
        let mut id = QueueId { bytes: [0; LONGEST], length: text.len() as u8 };
        id.bytes[..text.len()].copy_from_slice(&text);
        (id, inode)
    }

    /// Gives an inode back.
    pub(crate) fn give_back(&mut self, inode: u64) {
        self.free.push(inode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_have_six_digits_of_seconds_four_of_microseconds_and_the_inode() {
        let (id, _) = QueueIdSource::new(QueueIds::Long).take(Time(1_793_603_701_000_042));
        let text = id.text();
        assert_eq!(text.as_bytes()[10], b'z');
        assert!(text.len() >= 13 && !text.contains(['A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u']), "{text}");
    }

    #[test]
    fn short_ids_come_again_when_the_inode_is_free() {
        let mut source = QueueIdSource::new(QueueIds::Short);
        let (first, inode) = source.take(Time(42));
        source.give_back(inode);
        let (second, _) = source.take(Time(42 + Time::SECOND));
        assert_eq!(first, second);
        assert_eq!(&first.text()[..5], "0002A");
    }
}
