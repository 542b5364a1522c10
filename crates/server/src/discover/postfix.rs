//! What Postfix says of itself: `postconf -x`, for each instance that `postmulti -l` lists.

use std::path::PathBuf;
use std::process::Command;

use super::Found;
use crate::probing::known::Postfix;
use crate::queue::lifetimes::Lifetimes;

/// Instances that are looked at.
const INSTANCES: usize = 16;

/// Gives the values of parameters, expanded, of the instance in a folder (the default one without a folder).
type Ask<'a> = &'a dyn Fn(Option<&str>, &[&str]) -> Option<Vec<String>>;

/// Asks Postfix, where it is installed.
pub(super) fn ask(found: &mut Found, paths: &mut Vec<PathBuf>) {
    take(found, paths, &instances(), &postconf);
}

/// Takes in what it said.
fn take(found: &mut Found, paths: &mut Vec<PathBuf>, instances: &[Instance], ask: Ask<'_>) {
    let values = |folder: Option<&str>| of_instance(folder, ask);
    let Some(first) = values(None) else { return };
    let beside: Vec<&Instance> = instances.iter().filter(|instance| instance.name.is_some()).collect();
    let others = match beside.len() {
        0 => String::new(),
        _ => format!(", also {}", beside.iter().filter_map(|instance| instance.name.as_deref()).collect::<Vec<_>>().join(", ")),
    };
    found.software = Some(format!("Postfix {} ({}{others})", first.version, first.host));
    found.smarthost = relay_name(&first.relay);
    found.host = Some(first.host.clone()).filter(|host| !host.is_empty());
    found.lifetimes = Some(Lifetimes::of_postfix(|name| one(None, name, ask)));
    let rest = beside.iter().filter_map(|instance| values(Some(&instance.folder)));
    for values in std::iter::once(first).chain(rest) {
        found.domains.extend(values.domains);
        found.networks.extend(values.networks.into_iter().filter(|network| !found.networks.contains(network)).collect::<Vec<_>>());
        let log = PathBuf::from(values.log);
        if log.is_absolute() && !log.starts_with("/dev") && !paths.contains(&log) {
            paths.push(log);
        }
    }
    found.domains.sort();
    found.domains.dedup();
    let names = [
        "smtp_bind_address",
        "smtp_bind_address6",
        "inet_interfaces",
        "smtp_helo_name",
        "relayhost",
        "smtpd_relay_restrictions",
        "smtpd_recipient_restrictions",
        "mynetworks",
    ];
    let sending = ask(None, &names).and_then(|values| <[String; 8]>::try_from(values).ok());
    if let Some([bind, bind6, interfaces, helo, relay_host, relaying, recipients, networks]) = sending {
        found.postfix = Postfix { bind: [bind, bind6], interfaces, helo, relay_host, relaying: Some([relaying, recipients, networks]) };
    }
}

/// What is wanted of each instance.
struct Values {
    version: String,
    host: String,
    relay: String,
    log: String,
    domains: Vec<String>,
    networks: Vec<String>,
}

fn of_instance(folder: Option<&str>, ask: Ask<'_>) -> Option<Values> {
    let names = [
        "mail_version",
        "myhostname",
        "relayhost",
        "maillog_file",
        "mynetworks",
        "mydomain",
        "mydestination",
        "virtual_mailbox_domains",
        "virtual_alias_domains",
        "relay_domains",
    ];
    let values = ask(folder, &names)?;
    let value = |place: usize| values.get(place).cloned().unwrap_or_default();
    let domains = values.iter().skip(5).chain(values.get(1)).flat_map(|list| plain_words(list)).collect();
    Some(Values { version: value(0), host: value(1), relay: value(2), log: value(3), networks: plain_words(&value(4)), domains })
}

fn one(folder: Option<&str>, name: &str, ask: Ask<'_>) -> Option<String> {
    ask(folder, &[name])?.pop()
}

/// An instance that `postmulti -l` lists.
#[derive(Debug, PartialEq, Eq)]
struct Instance {
    /// Its name; the default one has none.
    name: Option<String>,
    /// Where its `main.cf` is.
    folder: String,
}

/// The instances of this host. Without more than one `postmulti` has nothing to say that matters.
fn instances() -> Vec<Instance> {
    let output = ["postmulti", "/usr/sbin/postmulti"].iter().find_map(|program| Command::new(program).arg("-l").output().ok());
    let text = output.filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    listed(&String::from_utf8_lossy(&text))
}

/// `name  group  y|n  /folder`: a name of `-` is the default instance; what is switched off (`n`) may still have a log.
fn listed(text: &str) -> Vec<Instance> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| *name != "-").map(str::to_owned);
        let folder = words.nth(2).filter(|folder| folder.starts_with('/'))?.to_owned();
        Some(Instance { name, folder })
    };
    text.lines().filter_map(line).take(INSTANCES).collect()
}

/// Values of parameters, expanded; `None` where Postfix is not installed or has no configuration.
fn postconf(folder: Option<&str>, names: &[&str]) -> Option<Vec<String>> {
    let run = |program: &&str| {
        let mut command = Command::new(program);
        if let Some(folder) = folder {
            command.args(["-c", folder]);
        }
        command.arg("-x").args(names).output().ok()
    };
    let output = ["postconf", "/usr/sbin/postconf"].iter().find_map(run)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |name: &&str| {
        let line = text.lines().find(|line| line.split('=').next().is_some_and(|key| key.trim() == *name));
        line.and_then(|line| line.split_once('=')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    output.status.success().then(|| names.iter().map(value).collect())
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

    #[test]
    fn instances_are_listed_with_their_folders() {
        let text = "-               -               y         /etc/postfix\npostfix-out     out             n         /etc/postfix-out\n\n";
        let instance = |name: Option<&str>, folder: &str| Instance { name: name.map(str::to_owned), folder: folder.to_owned() };
        assert_eq!(listed(text), [instance(None, "/etc/postfix"), instance(Some("postfix-out"), "/etc/postfix-out")]);
        assert_eq!(listed("postmulti: fatal: no configuration"), []);
    }

    #[test]
    fn every_instance_has_its_domains_and_its_log() {
        let setting = |folder: Option<&str>, name: &str| match (folder, name) {
            (_, "mail_version") => "3.7.11",
            (None, "myhostname") => "mx1.example.com",
            (None, "mydestination") => "mx1.example.com, example.com, localhost",
            (None, "maillog_file") => "",
            (None, "bounce_queue_lifetime") => "2d",
            (Some("/etc/postfix-out"), "myhostname") => "out.example.com",
            (Some("/etc/postfix-out"), "maillog_file") => "/var/log/mail-out.log",
            (_, "mynetworks") => "127.0.0.0/8 192.0.2.0/24",
            _ => "",
        };
        let ask = |folder: Option<&str>, names: &[&str]| Some(names.iter().map(|name| setting(folder, name).to_owned()).collect());
        let instances = listed("- - y /etc/postfix\npostfix-out - y /etc/postfix-out\n");
        let (mut found, mut paths) = (Found::default(), Vec::new());
        take(&mut found, &mut paths, &instances, &ask);
        assert_eq!(found.software.as_deref(), Some("Postfix 3.7.11 (mx1.example.com, also postfix-out)"));
        assert_eq!(found.domains, ["example.com", "mx1.example.com", "out.example.com"]);
        assert_eq!(found.networks, ["127.0.0.0/8", "192.0.2.0/24"]);
        assert_eq!(paths, [PathBuf::from("/var/log/mail-out.log")]);
        assert_eq!(found.lifetimes.map(|known| known.notices), Some(2 * 86_400));
    }
}
