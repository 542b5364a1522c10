//! Random secrets, and the hashes of them that are kept.

use anyhow::{Result, anyhow};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a secret: it cannot be guessed, and needs no slow hash.
pub(crate) const SECRET_BYTES: usize = 32;
/// How every token of the API begins, so that scanners of leaked secrets know it.
pub(crate) const TOKEN_PREFIX: &str = "mailvane_";
/// Characters of a token that are kept in clear, to tell tokens apart.
const TOKEN_SHOWN: usize = 6;

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(bytes)
}

/// A random secret in characters that fit into cookies, headers and addresses.
pub(crate) fn secret() -> Result<String> {
    Ok(hexadecimal(&random::<SECRET_BYTES>()?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash under which a secret is kept.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    out
}

/// A token of the API: itself, and the beginning that may be shown.
pub(crate) fn token() -> Result<(String, String)> {
    let token = format!("{TOKEN_PREFIX}{}", secret()?);
    let shown = token.chars().take(TOKEN_PREFIX.len() + TOKEN_SHOWN).collect();
    Ok((token, shown))
}

/// A keyed hash of some words, in hexadecimal.
pub(crate) fn keyed(key: &[u8], words: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    hexadecimal(ring::hmac::sign(&key, words.as_bytes()).as_ref())
}

/// Whether two secrets are the same, in a time that does not tell how far they agree.
pub(crate) fn same(left: &str, right: &str) -> bool {
    hash(left).iter().zip(hash(right)).fold(0, |different, (left, right)| different | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_256_bits() {
        let (one, other) = (secret().expect("random"), secret().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 2 * SECRET_BYTES);
        let (token, shown) = token().expect("random");
        assert!(token.starts_with(&shown) && token.len() == shown.len() + 58, "{shown}");
        assert!(same(&one, &one.clone()) && !same(&one, &other));
        assert_eq!(hash("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
