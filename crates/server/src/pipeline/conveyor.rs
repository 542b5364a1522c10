//! Blocks on their way to the assembly: read by one thread, parsed by another where it is ahead, handed over in order.
//!
//! Nobody waits for the parser: a block whose turn comes before it is parsed goes to the assembly as it is, and is parsed there
//! line by line. So both of two processors are busy whatever the lines cost, and with one thread the same code does without.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mailvane_ingest::{Block, BlockReader, Input};
use mailvane_model::word::Mta;

use super::sheet::{self, Lines, Sheet};

/// Blocks read ahead at most.
const MOST_BLOCKS: usize = 48;
/// Blocks parsed ahead at most: their records are larger than the lines and should be used while they are near.
const MOST_PARSED: usize = 16;
/// The parser leaves the next blocks to the assembly, which is about to take them.
const LEFT: usize = 1;

/// A block whose turn has come.
pub(super) enum Load {
    /// Still to be parsed.
    Raw(Block),
    /// With its records.
    Parsed(Sheet),
}

/// A place on the belt.
enum Place {
    Raw(Block),
    /// The parser has it.
    Away,
    Parsed(Sheet),
}

#[derive(Default)]
struct Belt {
    places: VecDeque<Place>,
    /// How many were taken off.
    taken: u64,
    /// How many of the places hold records.
    parsed: usize,
    /// Nothing more will be read, and why, when that is an error.
    ended: bool,
    failure: Option<mailvane_ingest::Error>,
    /// Somebody left who is waited for: the assembly had enough, or the parser broke off.
    left: bool,
    spare: Vec<Block>,
    rooms: Vec<Lines<'static>>,
}

/// The belt and what is said about it.
#[derive(Default)]
pub(super) struct Conveyor {
    belt: Mutex<Belt>,
    moved: Condvar,
}

/// Says when dropped that its thread is gone, whatever ended it.
pub(super) struct Presence<'a> {
    conveyor: &'a Conveyor,
    ends_well: bool,
}

impl Presence<'_> {
    /// It goes because its work is done.
    fn ends_well(mut self) {
        self.ends_well = true;
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if !self.ends_well {
            self.conveyor.lock().left = true;
            self.conveyor.moved.notify_all();
        }
    }
}

impl Conveyor {
    fn lock(&self) -> MutexGuard<'_, Belt> {
        // Whoever broke off under the lock said so by leaving.
        self.belt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, belt: MutexGuard<'a, Belt>) -> MutexGuard<'a, Belt> {
        self.moved.wait(belt).unwrap_or_else(PoisonError::into_inner)
    }

    /// While it lives, a thread is there.
    pub(super) fn presence(&self) -> Presence<'_> {
        Presence { conveyor: self, ends_well: false }
    }

    /// Reads to the end of the input, or until nobody takes anything any more; how long reading took.
    pub(super) fn fill(&self, reader: &mut BlockReader<Input>) -> Duration {
        let mut took = Duration::ZERO;
        loop {
            let mut belt = self.lock();
            while belt.places.len() >= MOST_BLOCKS && !belt.left {
                belt = self.wait(belt);
            }
            if belt.left {
                return took;
            }
            let mut block = belt.spare.pop().unwrap_or_default();
            drop(belt);
            let begun = Instant::now();
            let filled = reader.fill(&mut block);
            took += begun.elapsed();
            let mut belt = self.lock();
            match filled {
                Ok(true) => belt.places.push_back(Place::Raw(block)),
                Ok(false) => belt.ended = true,
                Err(error) => (belt.ended, belt.failure) = (true, Some(error)),
            }
            let ended = belt.ended;
            drop(belt);
            self.moved.notify_all();
            if ended {
                return took;
            }
        }
    }

    /// Parses blocks whose turn has not come, until there are none; how long parsing took.
    pub(super) fn parse(&self, mta: Option<Mta>) -> Duration {
        // Broken off, it would be waited for.
        let presence = self.presence();
        let mut took = Duration::ZERO;
        let mut belt = self.lock();
        while !belt.left {
            let Some((number, block)) = claim(&mut belt) else {
                if belt.ended && belt.places.len() <= LEFT {
                    break;
                }
                belt = self.wait(belt);
                continue;
            };
            let room = belt.rooms.pop().unwrap_or_default();
            drop(belt);
            let begun = Instant::now();
            let sheet = Sheet::new(block, |block| sheet::lines(block.bytes(), mta, room));
            took += begun.elapsed();
            belt = self.lock();
            // It cannot have been taken off: a place that is away is waited for.
            let at = (number - belt.taken) as usize;
            if let Some(place) = belt.places.get_mut(at) {
                *place = Place::Parsed(sheet);
                belt.parsed += 1;
            }
            self.moved.notify_all();
        }
        drop(belt);
        presence.ends_well();
        took
    }

    /// The next block; `None` at the end.
    pub(super) fn next(&self) -> Option<Load> {
        let mut belt = self.lock();
        loop {
            let is_away = matches!(belt.places.front(), Some(Place::Away));
            match if is_away { None } else { belt.places.pop_front() } {
                Some(Place::Parsed(sheet)) => {
                    belt.parsed -= 1;
                    return Some(self.taken(belt, Load::Parsed(sheet)));
                }
                Some(Place::Raw(block)) => return Some(self.taken(belt, Load::Raw(block))),
                None if belt.ended && !is_away => return None,
                Some(Place::Away) | None => {}
            }
            if belt.left {
                return None;
            }
            belt = self.wait(belt);
        }
    }

    fn taken(&self, mut belt: MutexGuard<'_, Belt>, load: Load) -> Load {
        belt.taken += 1;
        drop(belt);
        self.moved.notify_all();
        load
    }

    /// Takes back the memory of a block that is done with.
    pub(super) fn reuse(&self, block: Block, room: Option<Lines<'static>>) {
        let mut belt = self.lock();
        belt.spare.push(block);
        belt.rooms.extend(room);
    }

    /// What reading failed with.
    pub(super) fn failure(self) -> Option<mailvane_ingest::Error> {
        self.belt.into_inner().unwrap_or_else(PoisonError::into_inner).failure
    }
}

/// A block that may be parsed now, and its number.
fn claim(belt: &mut Belt) -> Option<(u64, Block)> {
    if belt.parsed >= MOST_PARSED {
        return None;
    }
    let at = belt.places.iter().skip(LEFT).position(|place| matches!(place, Place::Raw(_)))? + LEFT;
    let place = belt.places.get_mut(at)?;
    let Place::Raw(block) = std::mem::replace(place, Place::Away) else { return None };
    Some((belt.taken + at as u64, block))
}
