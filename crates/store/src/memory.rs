//! A store in memory: for tests, and the plainest reading of the contract.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mailvane_metric::{Cube, Width};
use mailvane_model::Position;

use crate::commit::{Commit, CommitNumber, StatePairs, Store};
use crate::error::Result;
use crate::pending::Pending;
use crate::revise::Revisions;
use crate::rollup::Range;
use crate::snapshot::{Backing, Generation, Inner, See, Snapshot, StreamState};

type States = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store in memory: every batch stays pending.
#[derive(Default)]
pub struct Memory {
    number: CommitNumber,
    pending: Vec<Pending>,
    revisions: Revisions,
    streams: BTreeMap<u64, StreamState>,
    state: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<States>,
    lines: Mutex<BTreeMap<Position, Vec<u8>>>,
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut States) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backing for Shared {
    fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(self.with(|state| state.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)).map(pair).collect()))
    }

    fn lines(&self, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(positions.iter().map(|position| lines.get(position).cloned()).collect())
    }

    fn rollups(&self, _: u64, _: Width, _: Cube, _: &Range<'_>, _: &mut See<'_>) -> Result<()> {
        Ok(())
    }
}

impl Store for Memory {
    fn commit(&mut self, commit: &Commit) -> Result<CommitNumber> {
        self.number.0 += 1;
        let named = commit.streams.iter().chain(crate::commit::streams_of(&commit.rows));
        for stream in named {
            let key = stream.key();
            self.streams.entry(key).or_insert_with(|| StreamState { key, stream: stream.clone(), watermark: None });
        }
        for (key, time) in &commit.watermarks {
            if let Some(state) = self.streams.get_mut(key) {
                state.watermark = state.watermark.max(Some(*time));
            }
        }
        self.state.with(|state| {
            for (key, value) in &commit.state {
                match value {
                    Some(value) => state.insert(key.clone(), value.clone()),
                    None => state.remove(key),
                };
            }
        });
        let mut lines = self.state.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(commit.lines.iter().map(|line| (line.position, line.text.clone())));
        drop(lines);
        if !commit.rows.has_nothing() {
            self.pending.push(Pending::new(self.number, Arc::clone(&commit.rows)));
            self.revisions.add_pending(&mut self.pending);
        }
        Ok(self.number)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let inner = Inner {
            number: self.number,
            pending: self.pending.clone(),
            segments: Arc::default(),
            streams: Arc::new(self.streams.values().cloned().collect()),
            generation: Arc::new(Generation(0)),
            backing: Arc::clone(&self.state) as Arc<dyn Backing>,
        };
        Ok(Snapshot { inner: Arc::new(inner) })
    }

    fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        Backing::state(&*self.state, prefix)
    }
}
