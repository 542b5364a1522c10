//! `mailvane probe roundtrip`: two servers, two logins, and our own log.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use mailvane_probe::Check;
use mailvane_probe::round_trip::{RoundTrip, Trail};
use mailvane_probe::service::Encryption;
use mailvane_probe::service::smtp::Use;

use super::{helo, host_and_port, service};
use crate::cli;

/// Hops that a message is followed over.
const HOPS_LIMIT: usize = 8;
/// Lines of the log that are told.
const LINES_LIMIT: usize = 40;

/// The check that a command asks for.
pub(super) fn check(arguments: &cli::ProbeRoundTrip) -> Result<Box<dyn Check>> {
    for address in [&arguments.mail_from, &arguments.rcpt] {
        let fine = address.contains('@') && !address.contains(|letter: char| letter.is_control() || "<> ".contains(letter));
        if !fine {
            bail!("`{address}` is no address");
        }
    }
    let submission = hosts(arguments, &arguments.submission, arguments.user.clone(), arguments.password_file.clone());
    let mailbox_user = arguments.imap_user.clone().or_else(|| arguments.user.clone());
    let mailbox_password = arguments.imap_password_file.clone().or_else(|| arguments.password_file.clone());
    let mailbox = hosts(arguments, &arguments.imap, mailbox_user, mailbox_password);
    if mailbox.user.is_none() {
        bail!("the mailbox needs a login: --user NAME --password-file FILE, or --imap-user and --imap-password-file");
    }
    let (host, port) = host_and_port(&arguments.submission)?;
    let port = port.unwrap_or(587);
    let purpose = Use::of_port(port);
    let submission = service(&submission, &host, port, purpose.encryption())?;
    let (host, port) = host_and_port(&arguments.imap)?;
    let port = port.unwrap_or(993);
    let encryption = if port == 143 { Encryption::OnDemand } else { Encryption::Immediate };
    let mailbox = service(&mailbox, &host, port, encryption)?;
    let mut trip = RoundTrip::new(submission, purpose, mailbox, &arguments.mail_from, &arguments.rcpt);
    trip.helo = helo();
    trip.wait = Duration::from_secs(arguments.wait.clamp(1, 3600));
    if !arguments.log.is_empty() {
        trip.trail = Some(Arc::new(Logs(arguments.log.clone())));
    }
    Ok(Box::new(trip))
}

fn hosts(arguments: &cli::ProbeRoundTrip, host: &str, user: Option<String>, password_file: Option<PathBuf>) -> cli::ProbeHosts {
    cli::ProbeHosts {
        hosts: vec![host.to_owned()],
        address: arguments.address.clone(),
        from: None,
        ca: arguments.ca.clone(),
        user,
        password_file,
        timeout: 30,
        quick: true,
        control: Vec::new(),
        resolver: arguments.resolver.clone(),
        json: arguments.json,
    }
}

/// Log files of this machine.
struct Logs(Vec<PathBuf>);

impl Trail for Logs {
    /// The lines with the queue id, and with those that they name for the next hop.
    fn lines(&self, queue_id: &str) -> Vec<String> {
        let mut ids: BTreeSet<String> = BTreeSet::from([queue_id.to_owned()]);
        let mut found = Vec::new();
        for path in &self.0 {
            let file = match std::fs::File::open(path) {
                Ok(file) => file,
                Err(error) => {
                    found.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if !ids.iter().any(|id| line.contains(id.as_str())) {
                    continue;
                }
                if let Some((_, after)) = line.split_once("queued as ").filter(|_| ids.len() < HOPS_LIMIT) {
                    let next: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
                    if next.len() >= 8 {
                        ids.insert(next);
                    }
                }
                found.push(line);
                if found.len() > LINES_LIMIT {
                    found.remove(0);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_followed_over_its_hops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail.log");
        let log = "a postfix/smtp: 4AAAA11111: to=<x@example.com>, relay=filter, status=sent (250 2.0.0 Ok: queued as 4BBBB22222)\n\
                   b postfix/smtp: 4CCCC33333: to=<y@example.com>, status=sent\n\
                   c postfix/smtp: 4BBBB22222: to=<x@example.com>, status=deferred (no route)\n";
        std::fs::write(&path, log).unwrap();
        let lines = Logs(vec![path, folder.path().join("none")]).lines("4AAAA11111");
        assert_eq!(lines.len(), 3);
        assert!(lines[1].ends_with("status=deferred (no route)") && lines[2].contains("none"));
    }
}
