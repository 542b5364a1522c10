//! Alert rules from a folder, over those that ship.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mailvane_alert::RuleSet;
#[cfg(feature = "daemon")]
use mailvane_alert::notify::route::Receiver;
use mailvane_alert::rule::Problem;

/// Rule files of a folder at most.
const FILES: usize = 1_000;
/// The longest rule file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// The rules that ship, with those of a folder over them, and what is wrong with the latter: a file that cannot be read is one of them, and
/// the others go on.
pub(crate) fn load(folder: Option<&Path>) -> Result<(RuleSet, Vec<Problem>)> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read the rules folder {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read the rules folder {}", folder.display()))?.path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            match read(&path) {
                Ok(text) => files.push((path.display().to_string(), text)),
                Err(text) => unread.push(Problem { file: path.display().to_string(), line: 1, text }),
            }
            if files.len() > FILES {
                bail!("more than {FILES} rule files in {}", folder.display());
            }
        }
    }
    files.sort();
    let (rules, mut problems) = RuleSet::with(&files);
    problems.extend(unread);
    Ok((rules, problems))
}

/// The text of a rule file, or why there is none.
fn read(path: &Path) -> Result<String, String> {
    let about = path.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() {
        return Err("is no file".to_owned());
    }
    if about.len() > FILE_BYTES {
        return Err(format!("is no rule: it has {} bytes", about.len()));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("is no text in UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

/// Takes receivers out of rules that are none, and says so: a rule that is left with none tells everybody.
#[cfg(feature = "daemon")]
pub(crate) fn without_strangers(rules: &mut RuleSet, receivers: &[Receiver], folder: Option<&Path>) -> Vec<Problem> {
    let known: Vec<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let mut problems = rules.keep_receivers(&known);
    if let Some(folder) = folder {
        problems.iter_mut().for_each(|problem| problem.file = folder.join(&problem.file).display().to_string());
    }
    problems
}
