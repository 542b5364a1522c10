//! Reading and writing small binary forms: varints, zigzag, runs of bytes. Reading never panics.

use crate::error::{Error, Result};

/// Adds an unsigned number, seven bits a byte.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds a signed number: small ones of either sign are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Adds a run of bytes with its length.
pub(crate) fn put_run(out: &mut Vec<u8>, run: &[u8]) {
    put_varint(out, run.len() as u64);
    out.extend_from_slice(run);
}

/// Bytes being read.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// Starts at the first of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Bytes { rest: bytes }
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything not yet read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next number as [`put_varint`] wrote it.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(cut())
    }

    /// The next number as [`put_signed`] wrote it.
    pub(crate) fn signed(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next run of bytes as [`put_run`] wrote it.
    pub(crate) fn run(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| cut())?)
    }

    /// The next eight bytes as a number.
    pub(crate) fn word(&mut self) -> Result<u64> {
        let mut eight = [0_u8; 8];
        eight.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(eight))
    }
}

fn cut() -> Error {
    Error::format("a packed batch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, run: Vec<u8>) {
            let mut out = Vec::new();
            put_varint(&mut out, unsigned);
            put_signed(&mut out, signed);
            put_run(&mut out, &run);
            let mut input = Bytes::new(&out);
            prop_assert_eq!(input.varint().unwrap(), unsigned);
            prop_assert_eq!(input.signed().unwrap(), signed);
            prop_assert_eq!(input.run().unwrap(), &run[..]);
            prop_assert!(input.is_empty());
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let mut input = Bytes::new(&bytes);
            while input.varint().is_ok() {
                let _ = input.clone().run();
                let _ = input.clone().word();
            }
        }
    }
}
