//! Patterns of file names: `*`, `?` and `[abc]`, `[a-z]`, `[!abc]` in any part of a path.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// Files one pattern may find; more are left out.
pub const MAX_FILES: usize = 100_000;

/// Whether this text is a pattern rather than the name of one file.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The paths that fit, sorted. A path that exists as it is written fits even if it looks like a pattern. A plain path is returned
/// whether it exists or not. Folders that cannot be listed are skipped when something else fits.
pub fn expand(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    if !is_pattern(pattern) || fs::symlink_metadata(pattern).is_ok() {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let mut found = vec![PathBuf::new()];
    let mut refused = None;
    for part in Path::new(pattern).components() {
        let text = part.as_os_str().to_string_lossy();
        found = match part {
            Component::Normal(_) if is_pattern(&text) => list(&found, text.as_bytes(), &mut refused),
            _ => found.into_iter().map(|path| path.join(part)).collect(),
        };
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort();
    match refused {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// The entries of these folders whose name fits.
fn list(folders: &[PathBuf], pattern: &[u8], refused: &mut Option<Error>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = match fs::read_dir(place) {
            Ok(entries) => entries,
            Err(error) => {
                if !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) {
                    *refused = Some(Error::of_open(place, error));
                }
                continue;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name_bytes = name.as_encoded_bytes();
            let hidden = name_bytes.first() == Some(&b'.') && pattern.first() != Some(&b'.');
            if !hidden && fits(pattern, name_bytes) && found.len() < MAX_FILES {
                found.push(folder.join(&name));
            }
        }
    }
    found
}

/// Whether a name fits a pattern of one path part. Time is bounded by the product of both lengths.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, position));
            at += 1;
        } else if let Some(width) = pattern.get(at..).and_then(|rest| fits_one(rest, name[position])) {
            at += width;
            position += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (at, position) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether the first element of the pattern takes this byte, and its length in the pattern.
fn fits_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => {
            let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
            let start = 1 + usize::from(negated);
            // A bracket right after the opening one is meant as itself.
            let Some(length) = pattern.get(start + 1..).and_then(|rest| memchr::memchr(b']', rest)) else {
                return (byte == b'[').then_some(1);
            };
            let set = &pattern[start..=start + length];
            let mut index = 0;
            let mut inside = false;
            while index < set.len() {
                if index + 2 < set.len() && set[index + 1] == b'-' {
                    inside |= (set[index]..=set[index + 2]).contains(&byte);
                    index += 3;
                } else {
                    inside |= set[index] == byte;
                    index += 1;
                }
            }
            (inside != negated).then_some(start + length + 2)
        }
        literal => (literal == byte).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("mail.log*", "mail.log", true),
            ("mail.log*", "mail.log.1.gz", true),
            ("mail.log*", "mail.lo", false),
            ("mail.log.?", "mail.log.1", true),
            ("mail.log.?", "mail.log.12", false),
            ("mail.log.[0-9]", "mail.log.7", true),
            ("mail.log.[!0-9]", "mail.log.7", false),
            ("*.[gx]z", "a.xz", true),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxbxxbx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        assert!(!fits(&b"*a".repeat(50), &b"a".repeat(5000)[..49]));
        assert!(!fits(b"*a*a*a*a*a*a*a*a*a*b", &b"a".repeat(5000)));
    }

    #[test]
    fn folders_may_be_patterns_too() {
        let root = tempfile::tempdir().unwrap();
        for host in ["mx1", "mx2", ".hidden"] {
            fs::create_dir(root.path().join(host)).unwrap();
            fs::write(root.path().join(host).join("mail.log"), "x").unwrap();
        }
        fs::write(root.path().join("file"), "x").unwrap();
        let found = expand(&format!("{}/*/mail.log*", root.path().display())).unwrap();
        let ends: Vec<_> = found.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(ends, ["mx1/mail.log", "mx2/mail.log"]);
        assert_eq!(expand(&format!("{}/none*", root.path().display())).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(expand("/no/such/file").unwrap().len(), 1);
    }
}
