//! All open messages, in slots that are used again, found by stream and queue id.

use ahash::AHashMap;

use crate::life::{Flags, Life, LifeRef, QueueKey};
use crate::piece::STRETCH;

/// The open messages.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    slots: Vec<Life>,
    free: Vec<u32>,
    by_key: AHashMap<QueueKey, u32>,
    /// Slots that changed since the changes were taken last.
    dirty: Vec<u32>,
    /// Ids of stored lives that ended since then, and in how many stretches their recipients were kept.
    gone: Vec<(u64, u32)>,
    count: usize,
}

impl Lives {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The life that has this queue id now.
    #[inline]
    pub(crate) fn by_key(&self, key: &QueueKey) -> Option<LifeRef> {
        let slot = *self.by_key.get(key)?;
        Some(LifeRef { slot, generation: self.slots[slot as usize].generation })
    }

    /// A life, unless it has ended.
    #[inline]
    pub(crate) fn get(&self, at: LifeRef) -> Option<&Life> {
        self.slots.get(at.slot as usize).filter(|life| life.generation == at.generation)
    }

    /// A life, unless it has ended.
    #[inline]
    pub(crate) fn get_mut(&mut self, at: LifeRef) -> Option<&mut Life> {
        self.slots.get_mut(at.slot as usize).filter(|life| life.generation == at.generation)
    }

    /// Makes room for a life and gives it its key. Odd generations are in use, even ones free.
    pub(crate) fn insert(&mut self, key: QueueKey, id: u64) -> LifeRef {
        let at = self.insert_without_key(key, id);
        self.by_key.insert(key, at.slot);
        at
    }

    /// Makes room for a life whose queue id belongs to another one now.
    pub(crate) fn insert_without_key(&mut self, key: QueueKey, id: u64) -> LifeRef {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Life::default());
            (self.slots.len() - 1) as u32
        });
        let life = &mut self.slots[slot as usize];
        // The mark stays with the slot, so that it stands in the list once however often the slot is used.
        let listed = life.flags.0 & Flags::DIRTY;
        life.renew();
        life.flags.set(listed);
        life.generation += 1;
        life.id = id;
        life.key = key;
        self.count += 1;
        LifeRef { slot, generation: life.generation }
    }

    /// Takes the queue id away from a life that another one follows under the same id.
    pub(crate) fn release_key(&mut self, at: LifeRef) {
        if let Some(life) = self.get(at) {
            let key = life.key;
            if self.by_key.get(&key) == Some(&at.slot) {
                self.by_key.remove(&key);
            }
        }
    }

    /// Ends a life.
    pub(crate) fn remove(&mut self, at: LifeRef) {
        self.release_key(at);
        let Some(life) = self.slots.get_mut(at.slot as usize).filter(|life| life.generation == at.generation) else { return };
        if life.flags.has(Flags::STORED) {
            self.gone.push((life.id, life.recipients.len().div_ceil(STRETCH) as u32));
        }
        life.generation += 1;
        self.free.push(at.slot);
        self.count -= 1;
    }

    /// Marks a life as changed.
    #[inline]
    pub(crate) fn touch(&mut self, at: LifeRef) {
        if let Some(life) = self.slots.get_mut(at.slot as usize).filter(|life| life.generation == at.generation)
            && !life.flags.has(Flags::DIRTY)
        {
            life.flags.set(Flags::DIRTY);
            self.dirty.push(at.slot);
        }
    }

    /// Every open life, in the order of the slots.
    pub(crate) fn all(&self) -> impl Iterator<Item = (LifeRef, &Life)> {
        let used = (0_u32..).zip(&self.slots).filter(|(_, life)| life.generation % 2 == 1);
        used.map(|(slot, life)| (LifeRef { slot, generation: life.generation }, life))
    }

    /// The lives that changed, each once, and the ids of those that ended; both are empty afterwards.
    pub(crate) fn take_dirty(&mut self) -> (Vec<LifeRef>, Vec<(u64, u32)>) {
        let mut changed = Vec::with_capacity(self.dirty.len());
        for slot in std::mem::take(&mut self.dirty) {
            let life = &mut self.slots[slot as usize];
            let listed = life.flags.has(Flags::DIRTY);
            life.flags.clear(Flags::DIRTY);
            if life.generation % 2 == 1 && listed {
                life.flags.set(Flags::STORED);
                changed.push(LifeRef { slot, generation: life.generation });
            }
        }
        (changed, std::mem::take(&mut self.gone))
    }

    /// Makes room for many lives at once.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.slots.reserve(count);
        self.by_key.reserve(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_an_ended_life_finds_nothing() {
        let mut lives = Lives::default();
        let key = QueueKey::of(0, b"4F00000001");
        let first = lives.insert(key, 1);
        assert_eq!(lives.by_key(&key), Some(first));
        lives.remove(first);
        assert!(lives.get(first).is_none());
        assert_eq!(lives.by_key(&key), None);
        let second = lives.insert(key, 2);
        assert_eq!(second.slot, first.slot);
        assert!(lives.get(first).is_none());
        assert_eq!(lives.get(second).map(|life| life.id), Some(2));
        assert_eq!(lives.len(), 1);
    }

    #[test]
    fn changes_are_told_once() {
        let mut lives = Lives::default();
        let at = lives.insert(QueueKey::of(0, b"A"), 7);
        lives.touch(at);
        lives.touch(at);
        assert_eq!(lives.take_dirty(), (vec![at], vec![]));
        assert_eq!(lives.take_dirty(), (vec![], vec![]));
        lives.remove(at);
        assert_eq!(lives.take_dirty(), (vec![], vec![(7, 0)]));
    }
}
