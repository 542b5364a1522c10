//! The rules and providers of this run: ours, and those of the user's folder.
//!
//! They are read once, before anything is judged, and are the same for every part of the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use mailvane_assemble::Assembler;
use mailvane_reply::judge::Judge;
use mailvane_reply::provider::Providers;
use mailvane_reply::user::{self, Complaint, File};

/// Files that a folder of rules may hold.
const FILES_MAX: usize = 500;
/// A longer file is no rule pack.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Rules and providers of this run.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The rules.
    pub(crate) judge: Judge,
    /// The providers.
    pub(crate) providers: Providers,
    /// The user's files.
    #[cfg_attr(not(feature = "daemon"), allow(dead_code, reason = "`serve` tells it"))]
    pub(crate) files: usize,
    /// The user's rules.
    #[cfg_attr(not(feature = "daemon"), allow(dead_code, reason = "`serve` tells it"))]
    pub(crate) rules: usize,
    /// What works but is hardly meant, each with file and line.
    pub(crate) doubts: Vec<String>,
}

static RULES: OnceLock<Rules> = OnceLock::new();

/// The rules of this run; ours alone when none were installed.
pub(crate) fn current() -> &'static Rules {
    RULES.get_or_init(|| Rules { judge: Judge::embedded(), providers: Providers::embedded(), files: 0, rules: 0, doubts: Vec::new() })
}

/// Reads the folder and judges by it from now on; without one by our rules alone. What is doubtful is said on standard error.
pub(crate) fn install(folder: Option<&Path>) -> Result<&'static Rules> {
    let Some(folder) = folder else { return Ok(current()) };
    let rules = load(folder)?;
    for doubt in &rules.doubts {
        // When stderr is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "mailvane: {doubt}");
    }
    if RULES.set(rules).is_err() {
        bail!("rules were read twice");
    }
    Ok(current())
}

/// An assembler that judges by the rules of this run.
pub(crate) fn assembler(config: mailvane_assemble::Config) -> Assembler {
    let rules = current();
    let mut assembler = Assembler::new(config);
    assembler.judge_by(rules.judge.clone(), rules.providers.clone());
    assembler
}

/// Reads a folder.
pub(crate) fn load(folder: &Path) -> Result<Rules> {
    let paths = list(folder)?;
    let mut texts = Vec::with_capacity(paths.len());
    for path in &paths {
        let size = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        if size > FILE_BYTES_MAX {
            bail!("{} is larger than a rule pack can be ({FILE_BYTES_MAX} bytes)", path.display());
        }
        texts.push(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let names: Vec<String> = paths.iter().map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let files: Vec<File<'_>> = names.iter().zip(&texts).map(|(name, text)| File { name, text }).collect();
    let place = |complaint: &Complaint| match paths.get(complaint.file) {
        Some(path) if complaint.line > 0 => format!("{}:{}: {}", path.display(), complaint.line, complaint.text),
        Some(path) => format!("{}: {}", path.display(), complaint.text),
        None => complaint.text.clone(),
    };
    let loaded = user::load(&files).map_err(|complaint| anyhow::anyhow!("{}", place(&complaint)))?;
    let doubts = loaded.doubts.iter().map(place).collect();
    Ok(Rules { judge: loaded.judge, providers: loaded.providers, files: files.len(), rules: loaded.rules, doubts })
}

/// The files of a folder, in the order of their names.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder of rules {}: make it, or leave out `rules`", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder of rules {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    if paths.len() > FILES_MAX {
        bail!("{} holds {} files; at most {FILES_MAX} are read", folder.display(), paths.len());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("mailvane-rules-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a folder");
            for (file, text) in files {
                std::fs::write(path.join(file), text).expect("a file");
            }
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const PACK: &str = "[[rule]]\nid = \"no\"\nreason = \"recipient_policy\"\nany = [\"computer says no\"]\n";

    #[test]
    fn packs_and_providers_of_a_folder_are_read_and_other_files_left_alone() {
        let providers = "[[provider]]\nid = \"mine\"\nname = \"Mine\"\nhosts = [\"mx.example.net\"]\n";
        let folder = Folder::with("good", &[("a.toml", PACK), ("providers.toml", providers), ("README.md", "words")]);
        let rules = load(&folder.0).expect("sound");
        assert_eq!((rules.files, rules.rules, rules.doubts.len()), (2, 1, 0));
        assert_eq!(rules.providers.of_host("a.mx.example.net"), "mine");
    }

    #[test]
    fn a_typing_error_is_answered_with_file_line_and_nearest_name() {
        let folder = Folder::with("typo", &[("a.toml", PACK), ("b.toml", &PACK.replace("any =", "anny ="))]);
        let error = load(&folder.0).expect_err("a typing error").to_string();
        assert!(error.contains("b.toml:4: ") && error.contains("did you mean `any`?"), "{error}");
        assert!(load(&folder.0.join("absent")).is_err());
    }
}
