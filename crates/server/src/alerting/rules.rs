//! Alert rules from a folder, over those that ship.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mailvane_alert::RuleSet;
use mailvane_alert::rule::Problem;

/// Rule files of a folder at most.
const FILES: usize = 1_000;
/// The longest rule file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// The rules that ship, with those of a folder over them, and what is wrong with the latter.
pub(crate) fn load(folder: Option<&Path>) -> Result<(RuleSet, Vec<Problem>)> {
    let mut files = Vec::new();
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read the rules folder {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read the rules folder {}", folder.display()))?.path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let length = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
            if length > FILE_BYTES {
                bail!("{} is no rule: it has {length} bytes", path.display());
            }
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((path.display().to_string(), text));
            if files.len() > FILES {
                bail!("more than {FILES} rule files in {}", folder.display());
            }
        }
    }
    files.sort();
    Ok(RuleSet::with(&files))
}
