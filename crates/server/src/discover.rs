//! What this machine runs and logs: found without any configuration, and said openly.

mod exim;
mod postfix;

use std::path::{Path, PathBuf};

use crate::probing::known::Postfix;
use crate::queue::lifetimes::Lifetimes;
use mailvane_ingest::intake::journal::{Journal, is_readable};

/// What was found of the mail software here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// In words, for the first screen: `Postfix 3.7.11 (mail.example.com)`.
    pub(crate) software: Option<String>,
    /// Glob patterns of mail logs that exist.
    pub(crate) logs: Vec<String>,
    /// Domains that the mail software says are ours.
    pub(crate) domains: Vec<String>,
    /// Networks that it trusts.
    pub(crate) networks: Vec<String>,
    /// What it calls this host.
    pub(crate) host: Option<String>,
    /// The host that it hands all mail to, where there is one.
    pub(crate) smarthost: Option<String>,
    /// What its settings say of sending and relaying.
    pub(crate) postfix: Postfix,
    /// How long it keeps messages in the queue.
    pub(crate) lifetimes: Option<Lifetimes>,
    /// No log file is there, and the journal can be read.
    pub(crate) journal: bool,
    /// What could not be done, with the command that permits it.
    pub(crate) hints: Vec<String>,
}

/// Domains and networks that are named at the start; of more only the number is said.
const NAMED: usize = 8;

impl Found {
    /// What the mail software says of itself, in sentences.
    pub(crate) fn facts(&self) -> Vec<String> {
        let list = |what: &str, names: &[String]| {
            let more = names.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!names.is_empty()).then(|| format!("{what}: {}{more}", names[..names.len().min(NAMED)].join(", ")))
        };
        let smarthost = self.smarthost.as_ref().map(|host| format!("hands all mail to {host}"));
        [list("its domains", &self.domains), list("its networks", &self.networks), smarthost, self.lifetimes.map(|known| known.words())]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Where distributions put the mail log, most specific first.
const USUAL: &[&str] = &["/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log", "/var/log/mail/info.log", "/var/log/mail"];

/// Looks at this machine.
pub(crate) fn machine() -> Found {
    let mut found = Found::default();
    let mut paths: Vec<PathBuf> = Vec::new();
    postfix::ask(&mut found, &mut paths);
    exim::ask(&mut found, &mut paths);
    paths.extend(USUAL.iter().map(PathBuf::from));
    for path in paths {
        let pattern = format!("{}*", path.display());
        let is_there = path.is_file() || is_dated_log(&path);
        if found.logs.contains(&pattern) {
            continue;
        }
        if !is_there {
            found.hints.extend(closed_folder(&path));
            continue;
        }
        if path.is_file()
            && let Err(error) = std::fs::File::open(&path)
        {
            found.hints.push(permission_hint(&path, &error));
            continue;
        }
        found.logs.push(pattern);
    }
    if found.logs.is_empty() {
        match is_readable(&Journal::default()) {
            Ok(()) => found.journal = true,
            // Where there is no journal there is nothing to say of it.
            Err(error) if Path::new("/run/log/journal").exists() || Path::new("/var/log/journal").exists() => {
                found.hints.push(error.to_string());
            }
            Err(_) => {}
        }
    }
    found
}

/// What to say of a log in a folder that we may not look into (Debian's `/var/log/exim4`): whether it is there cannot be known.
fn closed_folder(path: &Path) -> Option<String> {
    let error = std::fs::metadata(path).err()?;
    (error.kind() == std::io::ErrorKind::PermissionDenied).then(|| permission_hint(path, &error))
}

/// Whether a log with dates in its names has a file.
fn is_dated_log(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let begins = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(&[name.as_encoded_bytes(), b"-20"].concat()))
    };
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.any(begins))
}

/// Says what permits the reading of `path`.
pub(crate) fn permission_hint(path: &Path, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        format!("may not read {}: run `sudo usermod -aG adm $USER` and log in again", path.display())
    } else {
        format!("cannot read {}: {error}", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_said() {
        let domains = (0..10).map(|number| format!("d{number}.example")).collect();
        let found =
            Found { domains, smarthost: Some("smart.example.net".into()), lifetimes: Some(Lifetimes::default()), ..Found::default() };
        let facts = found.facts();
        assert!(facts[0].starts_with("its domains: d0.example, ") && facts[0].ends_with("d7.example and 2 more"), "{facts:?}");
        assert_eq!(facts[1..], ["hands all mail to smart.example.net", "messages wait for 5 d at most, notices to senders for 5 d"]);
        assert!(Found::default().facts().is_empty());
    }
}
