//! The habits of the code that a machine can hold: heads, lengths, names, words, and which crate may use which.

mod dependency;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace;

/// Looks at the whole tree and prints what is untidy.
pub(crate) fn run() -> Result<ExitCode> {
    let problems = problems(&workspace::root())?;
    for problem in &problems {
        println!("{problem}");
    }
    println!("{}", if problems.is_empty() { "tidy".to_owned() } else { format!("{} untidy", problems.len()) });
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is untidy below `root`, a line each: place and what to do.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files)?;
    files.sort();
    let mut problems = Vec::new();
    for path in &files {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = String::from_utf8_lossy(&text);
        let place = path.strip_prefix(root).unwrap_or(path).display().to_string();
        if path.extension().is_some_and(|end| end == "rs") {
            problems.extend(source::problems(&place, &text));
        } else if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            problems.extend(dependency::problems(&place, &text));
        }
    }
    Ok(problems)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "corpus" | "artifacts") && !name.starts_with('.') {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let problems = problems(&workspace::root()).unwrap();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}
