//! Passwords and keys: read from a file or the environment, never shown.

use std::path::Path;

use crate::error::Error;

/// A secret file is not longer than this.
const BYTES: u64 = 16 << 10;

/// A secret. It has no written form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of a text.
    pub fn of(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// From a file (its first line) or an environment variable: whichever is named.
    ///
    /// # Errors
    /// [`Error::Route`] when both are named, or what is named cannot be read or is empty.
    pub fn read(what: &str, file: Option<&Path>, variable: Option<&str>) -> Result<Option<Self>, Error> {
        let text = match (file, variable) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(Error::Route(format!("{what}: name a file or a variable, not both"))),
            (Some(file), None) => {
                let failed = |error: std::io::Error| Error::Route(format!("{what}: cannot read {}: {error}", file.display()));
                if std::fs::metadata(file).map_err(failed)?.len() > BYTES {
                    return Err(Error::Route(format!("{what}: {} is too long for a secret", file.display())));
                }
                std::fs::read_to_string(file).map_err(failed)?
            }
            (None, Some(variable)) => {
                std::env::var(variable).map_err(|_| Error::Route(format!("{what}: the environment variable {variable} is not set")))?
            }
        };
        let text = text.lines().next().unwrap_or_default().trim_end();
        if text.is_empty() {
            return Err(Error::Route(format!("{what}: it is empty")));
        }
        Ok(Some(Secret(text.to_owned())))
    }

    /// The secret itself, for the one place where it is sent.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let secret = Secret::read("password", Some(&path), None).unwrap().unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(Secret::read("password", None, None).unwrap(), None);
        std::fs::write(&path, "\n").unwrap();
        let error = Secret::read("password", Some(&path), None).unwrap_err();
        assert!(error.to_string().contains("empty"), "{error}");
        let error = Secret::read("password", None, Some("MAILVANE_NO_SUCH_VARIABLE")).unwrap_err();
        assert!(error.to_string().contains("MAILVANE_NO_SUCH_VARIABLE"), "{error}");
    }
}
