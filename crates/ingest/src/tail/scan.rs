//! One look at the file system: which files fit the patterns now.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use crate::error::Error;
use crate::identity::Inode;
use crate::names::{LogName, Rank};
use crate::open::modified_micros;
use crate::pattern;
use crate::tail::Spec;

/// A regular file that fits a pattern.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) spec: usize,
    pub(super) inode: Inode,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) name: LogName,
    is_link: bool,
}

/// What one look gave.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Each inode once, under its best path: a regular name before a symbolic link.
    pub(super) found: Vec<Found>,
    pub(super) problems: Vec<(PathBuf, Error)>,
    pub(super) empty_patterns: Vec<String>,
}

/// Looks for the files of all patterns.
pub(super) fn scan(specs: &[Spec]) -> Scan {
    let mut scan = Scan::default();
    let mut by_inode: HashMap<Inode, usize> = HashMap::new();
    for (index, spec) in specs.iter().enumerate() {
        let paths = match pattern::expand(&spec.pattern) {
            Ok(paths) => paths,
            Err(error) => {
                scan.problems.push((PathBuf::from(&spec.pattern), error));
                continue;
            }
        };
        let before = scan.found.len() + scan.problems.len();
        for path in paths {
            match look(path.clone(), index, !pattern::is_pattern(&spec.pattern)) {
                Ok(Some(found)) => match by_inode.get(&found.inode) {
                    Some(at) if better(&found, &scan.found[*at]) => scan.found[*at] = found,
                    Some(_) => {}
                    None => {
                        by_inode.insert(found.inode, scan.found.len());
                        scan.found.push(found);
                    }
                },
                Ok(None) | Err(Error::Missing { .. }) => {}
                Err(error) => scan.problems.push((path, error)),
            }
        }
        if scan.found.len() + scan.problems.len() == before && !scan.found.iter().any(|found| found.spec == index) {
            scan.empty_patterns.push(spec.pattern.clone());
        }
    }
    scan
}

fn look(path: PathBuf, spec: usize, is_named: bool) -> Result<Option<Found>, Error> {
    let metadata = fs::metadata(&path).map_err(|error| Error::of_open(&path, error))?;
    if !metadata.is_file() {
        // A folder that happens to fit a pattern is no trouble; one that was named is.
        return if metadata.is_dir() && is_named { Err(Error::Directory { path }) } else { Ok(None) };
    }
    let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_symlink());
    Ok(Some(Found {
        spec,
        inode: Inode::of(&metadata),
        size: metadata.len(),
        modified: modified_micros(&metadata),
        name: LogName::of(&path),
        is_link,
        path,
    }))
}

/// Which of two names of one inode is used: a real name before a link, a live one before a rotated one.
fn better(new: &Found, old: &Found) -> bool {
    let key = |found: &Found| (!found.is_link, found.name.rank == Rank::Live);
    key(new) > key(old)
}
