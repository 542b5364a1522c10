//! A hash that is the same on every machine and in every version: identities on disk depend on it.
//!
//! Multiply-and-fold over eight-byte words, in the manner of the wyhash family. Not for secrets.

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// Folds the 128-bit product of two words into 64 bits.
const fn fold(left: u64, right: u64) -> u64 {
    let product = (left as u128).wrapping_mul(right as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The stable hash of a run of bytes.
pub fn bytes(input: &[u8]) -> u64 {
    let mut state = SEED ^ (input.len() as u64).wrapping_mul(FACTOR);
    let mut words = input.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0_u8; 8];
        eight.copy_from_slice(word);
        state = fold(state ^ u64::from_le_bytes(eight), FACTOR);
    }
    let rest = words.remainder();
    let mut eight = [0_u8; 8];
    eight[..rest.len()].copy_from_slice(rest);
    fold(fold(state ^ u64::from_le_bytes(eight), FACTOR) ^ SEED, FACTOR)
}

/// The stable hash of a few words; order matters.
pub fn words(input: &[u64]) -> u64 {
    let mut state = SEED ^ (input.len() as u64);
    for word in input {
        state = fold(state ^ *word, FACTOR).wrapping_add(SEED);
    }
    fold(state ^ SEED, FACTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_on_disk_depend_on_these_values() {
        assert_eq!(bytes(b""), bytes(b""));
        assert_ne!(bytes(b"a"), bytes(b"a\0"));
        assert_ne!(words(&[1, 2]), words(&[2, 1]));
        assert_eq!(format!("{:016x}", bytes(b"mailvane")), format!("{:016x}", bytes(&b"mailvane"[..])));
    }
}
