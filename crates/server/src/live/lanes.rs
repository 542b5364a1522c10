//! The clocks of the files being followed: each has its calendar, committed with its offset.

use std::collections::HashMap;

use chrono_tz::Tz;
use mailvane_model::{FileId, Time};
use mailvane_parse::When;
use mailvane_parse::calendar::{Anchor, Calendar, Zone};

/// Prefix of the state keys of calendars.
pub(crate) const CALENDARS: &[u8] = b"calendar/";
/// Calendars kept in memory; files that were read long ago are asked for again from the store.
const MAX_LANES: usize = 10_000;

/// One file's clock.
#[derive(Debug)]
struct Lane {
    calendar: Calendar,
    /// When the file was last written, as far as the calendar was told.
    modified: Option<Time>,
    last: Option<(Time, i32)>,
    dirty: bool,
}

/// The clocks of all files.
#[derive(Debug)]
pub(crate) struct Lanes {
    zone: Tz,
    year: Option<i32>,
    lanes: HashMap<FileId, Lane>,
}

impl Lanes {
    /// With the calendars of the store.
    pub(crate) fn new(zone: Tz, year: Option<i32>, stored: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut lanes = HashMap::new();
        for (key, value) in stored {
            let id = key.strip_prefix(CALENDARS).and_then(|rest| <[u8; 8]>::try_from(rest).ok()).map(u64::from_be_bytes);
            if let (Some(id), Ok(calendar)) = (id, Calendar::decode(value)) {
                lanes.insert(FileId(id), Lane { calendar, modified: None, last: None, dirty: false });
            }
        }
        Lanes { zone, year, lanes }
    }

    /// The time of a line of `file`, last written at `modified`. A line without a time belongs to the moment of the line before it.
    pub(crate) fn resolve(&mut self, file: FileId, modified: Time, when: When) -> Option<(Time, i32)> {
        let (zone, year) = (self.zone, self.year);
        let lane = self.lanes.entry(file).or_insert_with(|| {
            let calendar = Calendar::new(Zone::from(zone), modified);
            Lane { calendar, modified: None, last: None, dirty: true }
        });
        if lane.modified != Some(modified) {
            // A live file has a later one with each block, and a restored calendar has none.
            lane.modified = Some(modified);
            lane.calendar.set_anchor(year.map_or(Anchor::NotAfter(modified), Anchor::Year));
        }
        if let Some(found) = lane.calendar.resolve(when) {
            lane.last = Some(found);
            lane.dirty = true;
        }
        lane.last
    }

    /// The calendars that moved since the last call, as state to commit.
    pub(crate) fn take_changes(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut changes = Vec::new();
        for (file, lane) in &mut self.lanes {
            if lane.dirty {
                lane.dirty = false;
                changes.push((key(*file), Some(lane.calendar.encode())));
            }
        }
        if self.lanes.len() > MAX_LANES {
            self.lanes.retain(|_, lane| lane.last.is_some());
        }
        changes
    }
}

fn key(file: FileId) -> Vec<u8> {
    [CALENDARS, &file.0.to_be_bytes()].concat()
}
