//! The streams met so far, each with a number, and what was learned on it.

use ahash::AHashMap;

use mailvane_model::Stream;
use mailvane_model::stream::is_word;
use mailvane_model::word::Mta;

use crate::ours::Learned;

/// One stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamState {
    /// Its name.
    pub(crate) stream: Stream,
    /// Its stable key ([`Stream::key`]).
    pub(crate) key: u64,
    /// Streams of one origin and host word have the same number: a loopback delivery stays among them.
    pub(crate) machine: u32,
    /// What its lines showed to be ours.
    pub(crate) learned: Learned,
    /// The process of the queue manager, by its activations.
    pub(crate) manager: Option<u32>,
    /// Whether the name, the queue manager or the use of filters changed since the changes were taken last.
    pub(crate) dirty: bool,
}

/// The streams, by number.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    all: Vec<StreamState>,
    by_name: AHashMap<Stream, u32>,
    latest: u32,
}

impl Streams {
    /// The number of the stream of a line; lines of one stream come in runs, so the latest is tried first.
    #[inline]
    pub(crate) fn of(&mut self, origin: &str, host: &[u8], instance: &[u8], mta: Mta) -> u32 {
        if let Some(state) = self.all.get(self.latest as usize)
            && same(&state.stream, origin, host, instance, mta)
        {
            return self.latest;
        }
        self.search(origin, host, instance, mta)
    }

    fn search(&mut self, origin: &str, host: &[u8], instance: &[u8], mta: Mta) -> u32 {
        /// With more streams than this a map is faster than looking at each.
        const FEW: usize = 16;
        if self.all.len() <= FEW
            && let Some(place) = self.all.iter().position(|state| same(&state.stream, origin, host, instance, mta))
        {
            self.latest = place as u32;
            return self.latest;
        }
        let host = String::from_utf8_lossy(host).into_owned();
        let instance = String::from_utf8_lossy(instance).into_owned();
        self.latest = self.add(Stream { origin: origin.to_owned(), host, instance, mta });
        self.latest
    }

    /// The number of a stream, new or known.
    pub(crate) fn add(&mut self, stream: Stream) -> u32 {
        if let Some(number) = self.by_name.get(&stream) {
            return *number;
        }
        let number = self.all.len() as u32;
        let machine = self.all.iter().find(|state| state.stream.origin == stream.origin && state.stream.host == stream.host);
        let machine = machine.map_or(number, |state| state.machine);
        self.by_name.insert(stream.clone(), number);
        let key = stream.key();
        self.all.push(StreamState { key, stream, machine, learned: Learned::default(), manager: None, dirty: true });
        number
    }

    /// The number of a stream that was met.
    pub(crate) fn number(&self, stream: &Stream) -> Option<u32> {
        self.by_name.get(stream).copied()
    }

    /// The stream of a number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &StreamState {
        &self.all[number as usize]
    }

    /// The stream of a number.
    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut StreamState {
        &mut self.all[number as usize]
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &StreamState> {
        self.all.iter()
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut StreamState> {
        self.all.iter_mut()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.all.len() as u32
    }
}

#[inline]
fn same(stream: &Stream, origin: &str, host: &[u8], instance: &[u8], mta: Mta) -> bool {
    is_word(&stream.host, host) && is_word(&stream.instance, instance) && stream.mta == mta && is_word(&stream.origin, origin.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_keep_their_numbers() {
        let mut streams = Streams::default();
        let first = streams.of("a", b"mx1", b"postfix", Mta::Postfix);
        let second = streams.of("a", b"mx1", b"postfix-out", Mta::Postfix);
        let third = streams.of("b", b"mx1", b"postfix", Mta::Postfix);
        assert_eq!(streams.of("a", b"mx1", b"postfix", Mta::Postfix), first);
        assert_eq!(streams.get(first).machine, streams.get(second).machine);
        assert_ne!(streams.get(first).machine, streams.get(third).machine);
        for number in 0..40 {
            streams.of("c", format!("host{number}").as_bytes(), b"postfix", Mta::Postfix);
        }
        assert_eq!(streams.of("a", b"mx1", b"postfix-out", Mta::Postfix), second);
        assert_eq!(streams.len(), 43);
    }

    #[test]
    fn a_host_word_that_is_not_utf8_is_one_stream() {
        let mut streams = Streams::default();
        assert_eq!(streams.of("a", b"mx\xff", b"postfix", Mta::Postfix), streams.of("a", b"mx\xff", b"postfix", Mta::Postfix));
        assert_eq!(streams.len(), 1);
    }
}
