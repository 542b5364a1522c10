//! A stream: one MTA instance on one origin.

use crate::hash;
use crate::word::Mta;

/// One MTA instance on one origin. Queue ids are unique only inside a stream (and only for a time).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// The machine or container whose log it is. Part of every identity.
    pub origin: String,
    /// The host word of the lines: a label.
    pub host: String,
    /// The instance: the first part of Postfix's `syslog_name` (`postfix`, `postfix-out`), empty where there is none.
    pub instance: String,
    /// The software.
    pub mta: Mta,
}

impl Stream {
    /// The stable key of this stream.
    pub fn key(&self) -> u64 {
        hash::words(&[
            hash::bytes(self.origin.as_bytes()),
            hash::bytes(self.host.as_bytes()),
            hash::bytes(self.instance.as_bytes()),
            u64::from(self.mta.code()),
        ])
    }
}

static NO_STREAM: Stream = Stream { origin: String::new(), host: String::new(), instance: String::new(), mta: Mta::Unknown };

impl Default for &Stream {
    fn default() -> Self {
        &NO_STREAM
    }
}

/// Whether a word is this. It is asked for every line: these words are shorter than what a call of a comparison costs, and many are empty,
/// for which the vector comparison of the C library is slow (it reads nothing from an address that is not there).
#[inline(always)]
pub fn is_word(word: &str, bytes: &[u8]) -> bool {
    let word = word.as_bytes();
    if word.len() != bytes.len() {
        return false;
    }
    let (mut left, mut right) = (word, bytes);
    while let (Some((one, after)), Some((other, rest))) = (left.split_first_chunk::<8>(), right.split_first_chunk::<8>()) {
        if u64::from_ne_bytes(*one) != u64::from_ne_bytes(*other) {
            return false;
        }
        (left, right) = (after, rest);
    }
    left.iter().zip(right).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_wherever_they_differ() {
        let word = "mail-out-17.example.com";
        assert!(is_word(word, word.as_bytes()) && is_word("", b""));
        for at in 0..word.len() {
            let mut other = word.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(!is_word(word, &other) && !is_word(word, &word.as_bytes()[..at]));
        }
    }
}
