//! The one-time link by which the first administrator is made.

use std::sync::{Mutex, PoisonError};

use super::secret;

/// Wrong tries before the link is void: it can only be guessed by mistake.
const TRIES: u32 = 20;

/// The link, as long as it can be used. Only the hash of its secret is in memory.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    hash: [u8; 32],
    tries: u32,
}

impl Setup {
    /// Makes a new secret; the one before is void.
    pub(crate) fn offer(&self) -> anyhow::Result<String> {
        let secret = secret::secret()?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Held { hash: secret::hash(&secret), tries: 0 });
        Ok(secret)
    }

    /// Whether there is a link that can be used.
    pub(crate) fn is_offered(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether this is the secret. Right or wrong too often, it is void afterwards.
    pub(crate) fn take(&self, given: &str) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = held.as_mut() else { return false };
        let is_right = known.hash == secret::hash(given);
        known.tries += 1;
        if is_right || known.tries >= TRIES {
            *held = None;
        }
        is_right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_not_for_guessers() {
        let setup = Setup::default();
        assert!(!setup.take("anything") && !setup.is_offered());
        let secret = setup.offer().expect("random");
        assert!(!setup.take("wrong"));
        assert!(setup.take(&secret));
        assert!(!setup.take(&secret));
        let secret = setup.offer().expect("random");
        for _ in 0..TRIES {
            assert!(!setup.take("wrong"));
        }
        assert!(!setup.take(&secret));
    }
}
