//! Ids out of positions. Ids are hashes of where a line stands, so a segment keeps the place, which is small, and not the id.

use ahash::AHashMap;
use mailvane_model::{Position, id};

/// Things of one line, or lives begun on one line, are told apart by ordinals below this. Another id is kept as it is.
const ORDINALS_MAX: u32 = 64;
/// Kinds of derived ids below this are looked for.
const DERIVED_KINDS_MAX: u32 = 16;
/// Derived ids with ordinals below this are looked for (beside the one after the last found).
const DERIVED_ORDINALS_MAX: u32 = 16;

/// Where a life began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LifePlace {
    pub(crate) first: Position,
    pub(crate) ordinal: u8,
}

impl LifePlace {
    /// The place of a life whose first line is known.
    pub(crate) fn of(life: u64, first: Position) -> Option<Self> {
        let ordinal = (0..ORDINALS_MAX).find(|ordinal| first.life(*ordinal) == life)?;
        Some(LifePlace { first, ordinal: ordinal as u8 })
    }

    /// The id of the life.
    pub(crate) fn id(self) -> u64 {
        self.first.life(u32::from(self.ordinal))
    }
}

/// Where lives began, by id.
pub(crate) type Places = AHashMap<u64, LifePlace>;

/// The ordinal of an event that a line made.
pub(crate) fn event_ordinal(event: u64, position: Position, life: u64) -> Option<u8> {
    (0..ORDINALS_MAX).find(|ordinal| position.event(life, *ordinal) == event).map(|ordinal| ordinal as u8)
}

/// Finds the kind and ordinal of derived ids. Most rows of a part have the same kind, and ordinals count up.
#[derive(Debug, Default)]
pub(crate) struct DerivedIds {
    last: Option<(u32, u32)>,
}

impl DerivedIds {
    /// The kind and ordinal of a derived id, if it is one.
    pub(crate) fn find(&mut self, event: u64, life: u64) -> Option<(u8, u32)> {
        let fits = |(kind, ordinal): &(u32, u32)| id::derived(life, *kind, *ordinal) == event;
        let (kind, next) = self.last.map_or((0, 0), |(kind, ordinal)| (kind, ordinal + 1));
        let likely = (0..DERIVED_ORDINALS_MAX).map(|ordinal| (kind, ordinal)).chain([(kind, next)]);
        let all = (0..DERIVED_KINDS_MAX).flat_map(|kind| (0..DERIVED_ORDINALS_MAX).map(move |ordinal| (kind, ordinal)));
        let found = likely.chain(all).find(fits)?;
        self.last = Some(found);
        Some((found.0 as u8, found.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::FileId;

    #[test]
    fn ids_follow_from_places() {
        let first = Position { file: FileId(7), offset: 4096 };
        let place = LifePlace::of(first.life(3), first).unwrap();
        assert_eq!((place.ordinal, place.id()), (3, first.life(3)));
        assert_eq!(LifePlace::of(12345, first), None);
        let line = Position { file: FileId(7), offset: 5000 };
        assert_eq!(event_ordinal(line.event(9, 2), line, 9), Some(2));
        assert_eq!(event_ordinal(line.event(9, 2), line, 8), None);
    }

    #[test]
    fn derived_ids_are_found_even_of_large_messages() {
        let mut ids = DerivedIds::default();
        for ordinal in 0..500 {
            assert_eq!(ids.find(id::derived(77, 5, ordinal), 77), Some((5, ordinal)));
        }
        assert_eq!(ids.find(42, 77), None);
    }
}
