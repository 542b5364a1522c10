//! What this machine runs and logs: found without any configuration, and said openly.

mod exim;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::probing::known::Postfix;
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
    /// No log file is there, and the journal can be read.
    pub(crate) journal: bool,
    /// What could not be done, with the command that permits it.
    pub(crate) hints: Vec<String>,
}

/// Where distributions put the mail log, most specific first.
const USUAL: &[&str] = &["/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log", "/var/log/mail/info.log", "/var/log/mail"];

/// Looks at this machine.
pub(crate) fn machine() -> Found {
    let mut found = Found::default();
    let mut paths: Vec<PathBuf> = Vec::new();
    if let Some(values) = postconf(&[
        "mail_version",
        "myhostname",
        "mydomain",
        "mydestination",
        "virtual_mailbox_domains",
        "virtual_alias_domains",
        "relay_domains",
        "mynetworks",
        "maillog_file",
        "relayhost",
    ]) {
        let [version, host, domain, destination, virtual_mailboxes, virtual_aliases, relayed, networks, log, relay] = values;
        found.software = Some(format!("Postfix {version} ({host})"));
        found.domains = [&host, &domain, &destination, &virtual_mailboxes, &virtual_aliases, &relayed]
            .into_iter()
            .flat_map(|list| plain_words(list))
            .collect();
        found.domains.sort();
        found.domains.dedup();
        found.networks = plain_words(&networks);
        found.smarthost = relay_name(&relay);
        found.host = Some(host.clone()).filter(|host| !host.is_empty());
        if log.starts_with('/') && log != "/dev/stdout" {
            paths.push(PathBuf::from(log));
        }
    }
    if let Some([bind, bind6, interfaces, helo, relay_host, relaying, recipients, networks]) = postconf(&[
        "smtp_bind_address",
        "smtp_bind_address6",
        "inet_interfaces",
        "smtp_helo_name",
        "relayhost",
        "smtpd_relay_restrictions",
        "smtpd_recipient_restrictions",
        "mynetworks",
    ]) {
        found.postfix = Postfix { bind: [bind, bind6], interfaces, helo, relay_host, relaying: Some([relaying, recipients, networks]) };
    }
    exim::ask(&mut found, &mut paths);
    paths.extend(USUAL.iter().map(PathBuf::from));
    for path in paths {
        let pattern = format!("{}*", path.display());
        let is_there = path.is_file() || is_dated_log(&path);
        if !is_there || found.logs.contains(&pattern) {
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

/// Values of Postfix parameters, expanded; `None` where Postfix is not installed.
fn postconf<const COUNT: usize>(names: &[&str; COUNT]) -> Option<[String; COUNT]> {
    let output = ["postconf", "/usr/sbin/postconf"].iter().find_map(|program| Command::new(program).arg("-x").args(names).output().ok())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.split('=').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once('=')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    output.status.success().then(|| names.map(value))
}

/// The name in a relayhost: `[smart.example.net]:587` is `smart.example.net`.
fn relay_name(relay: &str) -> Option<String> {
    let name = relay.trim().trim_start_matches('[').split([']', ':']).next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_lowercase())
}

/// The words of a Postfix list that name something themselves (not `hash:/file`, `$name`, `!no`).
fn plain_words(list: &str) -> Vec<String> {
    let words = list.split([',', ' ', '\t']).map(str::trim).filter(|word| !word.is_empty());
    words.filter(|word| !word.contains(":/") && !word.starts_with(['$', '!', '/']) && *word != "localhost").map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smarthost_is_named_without_brackets_and_port() {
        assert_eq!(relay_name("[Smart.example.net]:587").as_deref(), Some("smart.example.net"));
        assert_eq!(relay_name("smart.example.net:25").as_deref(), Some("smart.example.net"));
        assert_eq!(relay_name(""), None);
    }

    #[test]
    fn tables_and_negations_are_not_domains() {
        assert_eq!(plain_words("example.com, hash:/etc/postfix/domains localhost $mydomain !bad.example"), ["example.com"]);
    }
}
