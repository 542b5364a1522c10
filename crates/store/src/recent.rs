//! Where the messages of late stand: in which part and row, and where their first line is. It spares a look into segments
//! when a message is revised, or when an attempt names it; what is not here is found there.

use ahash::AHashMap;

use crate::part::place::LifePlace;

/// Messages that are remembered: twice this at most.
const RECENT_MESSAGES_MAX: usize = 200_000;

/// What is known of a message that was sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    pub(crate) place: LifePlace,
    pub(crate) part: u64,
    pub(crate) row: u32,
    pub(crate) rev: u32,
}

/// Messages of late, by life. Two generations: when the younger is full the older goes.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: AHashMap<u64, Sealed>,
    old: AHashMap<u64, Sealed>,
}

impl Recent {
    pub(crate) fn get(&self, life: u64) -> Option<Sealed> {
        self.young.get(&life).or_else(|| self.old.get(&life)).copied()
    }

    pub(crate) fn put(&mut self, life: u64, sealed: Sealed) {
        if self.young.len() >= RECENT_MESSAGES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(life, sealed);
    }

    /// A merge has moved a message.
    pub(crate) fn moved(&mut self, life: u64, part: u64, row: u32) {
        for map in [&mut self.young, &mut self.old] {
            if let Some(sealed) = map.get_mut(&life) {
                (sealed.part, sealed.row) = (part, row);
            }
        }
    }
}
