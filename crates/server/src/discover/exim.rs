//! What Exim says of itself: `exim -bV`, and its settings by `exim -bP`.

use std::path::PathBuf;
use std::process::Command;

use mailvane_assemble::Network;

use super::Found;
use crate::queue::lifetimes::Lifetimes;

const PROGRAMS: [&str; 4] = ["exim", "exim4", "/usr/sbin/exim", "/usr/sbin/exim4"];

/// Asks Exim, where it is installed.
pub(super) fn ask(found: &mut Found, paths: &mut Vec<PathBuf>) {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some((program, version)) = PROGRAMS.iter().find_map(|program| Some((*program, run(program, &["-bV"])?))) else { return };
    take(found, paths, &version, |name| run(program, &["-bP", name]).unwrap_or_default());
}

/// Takes in what it said; `setting` gives the answer to `exim -bP NAME`.
fn take(found: &mut Found, paths: &mut Vec<PathBuf>, version: &str, setting: impl Fn(&str) -> String) {
    let value = |name: &str| {
        let text = setting(name);
        text.lines().find_map(|line| line.split_once('=')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let number = version.lines().find_map(|line| line.strip_prefix("Exim version ")?.split_whitespace().next()).unwrap_or_default();
    let (host, qualified) = (value("primary_hostname"), value("qualify_domain"));
    let name = format!("Exim {number} ({host})");
    found.software = Some(found.software.take().map_or_else(|| name.clone(), |other| format!("{other}, {name}")));
    found.host = found.host.take().or_else(|| Some(host.clone()).filter(|host| !host.is_empty()));
    let local = value("+local_domains");
    let named = [&*host, &*qualified].into_iter().chain(items(&local)).filter(|item| is_domain(item)).map(str::to_lowercase);
    found.domains.extend(named);
    found.domains.sort();
    found.domains.dedup();
    let networks = networks(&value("+relay_from_hosts"));
    found.networks.extend(networks.into_iter().filter(|network| !found.networks.contains(network)).collect::<Vec<_>>());
    // Where Postfix stands beside, its queue is the one that is listed.
    found.lifetimes = found.lifetimes.or_else(|| Some(Lifetimes::of_exim(|name| Some(setting(name)))));
    found.smarthost = found.smarthost.take().or_else(|| smarthost(&setting("config")));
    paths.extend(logs(&value("log_file_path"), &value("spool_directory")));
}

/// The items of a list. They are parted by colons, or by what follows a `<` at the start.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let list = list.trim();
    let (separator, rest) = match list.strip_prefix('<').and_then(|rest| Some((rest.chars().next()?, rest))) {
        Some((separator, rest)) => (separator, &rest[separator.len_utf8()..]),
        None => (':', list),
    };
    rest.split(separator).map(str::trim)
}

/// The addresses and networks of a list of hosts. The colons of an address are doubled where colons part the items: `127.0.0.1 : ::::1`.
fn networks(list: &str) -> Vec<String> {
    let by_colon = !list.trim_start().starts_with('<');
    let whole = if by_colon { list.replace("::", "\0") } else { list.to_owned() };
    let item = |item: &str| item.replace('\0', ":");
    items(&whole).map(item).filter(|item| Network::parse(item).is_some()).collect()
}

/// The host that takes everything for other domains: the first router that has a route for `*` and is not for single domains.
fn smarthost(config: &str) -> Option<String> {
    let is_begin = |line: &&str| line.split_whitespace().next() == Some("begin");
    let mut lines = config.lines().map(str::trim);
    lines.find(|line| is_begin(line) && line.split_whitespace().nth(1) == Some("routers"))?;
    let mut is_for_all = true;
    for line in lines.take_while(|line| !is_begin(line)) {
        match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            None if line.ends_with(':') => is_for_all = true,
            Some(("domains", domains)) => is_for_all = domains.starts_with(['!', '*']),
            Some(("route_list", routes)) if is_for_all => {
                let hosts = routes.strip_prefix('*').filter(|rest| rest.starts_with([' ', '\t']));
                let host =
                    hosts.and_then(|hosts| hosts.trim_start().trim_start_matches(['"', '[']).split([':', ' ', '"', ']', ';']).next());
                let host = host.filter(|host| is_domain(host));
                if host.is_some() {
                    return host.map(str::to_lowercase);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether an item names a domain itself: no look-up (`lsearch;/etc/domains`), pattern, negation, other list, nor `@` for the host's own name.
fn is_domain(item: &str) -> bool {
    item.contains('.') && item.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The main logs that `log_file_path` names: a list, `syslog` or paths in which `%s` stands for the kind and `%D` or `%M` for a date.
fn logs(setting: &str, spool: &str) -> Vec<PathBuf> {
    let usual = format!("{spool}/log/%slog");
    let mut logs = Vec::new();
    for item in setting.split(':').map(str::trim) {
        let pattern = match item {
            // Nothing, or an empty item of a list, is where Exim was built to log.
            "" if !spool.is_empty() => usual.as_str(),
            "syslog" | "" => continue,
            path => path,
        };
        // A date in the name makes one log of many files: what stands before it is followed with all its endings.
        let dated = pattern.find("%D").or_else(|| pattern.find("%M")).unwrap_or(pattern.len());
        logs.push(PathBuf::from(pattern[..dated].replace("%s", "main").trim_end_matches(['-', '.'])));
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exim_prints_is_understood() {
        // The form of Debian's Exim 4.96, with names that are not a machine's.
        let version = "Exim version 4.96 #2 built 04-Feb-2026 16:52:26\nCopyright (c) University of Cambridge, 1995 - 2018\n";
        let setting = |name: &str| {
            let line = match name {
                "primary_hostname" => "primary_hostname = mx1.example.com",
                "qualify_domain" => "qualify_domain = example.com",
                "+local_domains" => {
                    "domainlist local_domains = @:localhost:shop.example.com:*.lists.example.com:lsearch;/etc/exim4/own.domains:+relay.list"
                }
                "log_file_path" => "log_file_path = /var/log/exim4/%slog",
                "spool_directory" => "spool_directory = /var/spool/exim4",
                "+relay_from_hosts" => "hostlist relay_from_hosts = : 127.0.0.1 : ::::1 : 192.0.2.0/24 : *.example.org : +others",
                "timeout_frozen_after" => "timeout_frozen_after = 1w",
                "ignore_bounce_errors_after" => "ignore_bounce_errors_after = 2d",
                "config" => "qualify_domain = example.com\nbegin retry\n  * * F,2h,15m; G,16h,1h,1.5; F,4d,6h\n\nbegin rewrite",
                _ => "",
            };
            format!("{line}\n")
        };
        let (mut found, mut paths) = (Found::default(), Vec::new());
        take(&mut found, &mut paths, version, setting);
        assert_eq!(found.software.as_deref(), Some("Exim 4.96 (mx1.example.com)"));
        assert_eq!(found.host.as_deref(), Some("mx1.example.com"));
        assert_eq!(found.domains, ["example.com", "mx1.example.com", "shop.example.com"]);
        assert_eq!(paths, [PathBuf::from("/var/log/exim4/mainlog")]);
        assert_eq!(found.networks, ["127.0.0.1", "::1", "192.0.2.0/24"]);
        assert_eq!(found.lifetimes, Some(Lifetimes { mail: 4 * 86_400, notices: 4 * 86_400, frozen: Some(7 * 86_400) }));
    }

    #[test]
    fn hosts_are_networks_where_they_are_numbers() {
        assert_eq!(networks("<; 127.0.0.1 ; 2001:db8::/32 ; [::1] ; mx.example.com"), ["127.0.0.1", "2001:db8::/32", "[::1]"]);
        assert_eq!(networks("2001::::db8::::1 : !192.0.2.1 : 192.0.2.0/"), [""; 0]);
    }

    #[test]
    fn a_route_for_everything_names_the_smarthost() {
        let config = |domains: &str, routes: &str| {
            format!(
                "begin acl\n  route_list = * no.example.net\nbegin routers\n  first:\n    driver = accept\n  next:\n    {domains}\n    \
                 driver = manualroute\n    route_list = {routes}\nbegin transports\n"
            )
        };
        let found = |domains: &str, routes: &str| smarthost(&config(domains, routes));
        assert_eq!(found("domains = ! +local_domains", "* Smart.example.net::587 byname").as_deref(), Some("smart.example.net"));
        assert_eq!(found("", "* \"[192.0.2.7]:b.example.net\"").as_deref(), Some("192.0.2.7"));
        assert_eq!(found("domains = one.example", "* smart.example.net"), None);
        assert_eq!(found("", "*.example.org other.example.net"), None);
        assert_eq!(found("", "* ${lookup{$domain}lsearch{/etc/routes}}"), None);
        assert_eq!(smarthost(""), None);
    }

    #[test]
    fn lists_may_choose_what_parts_their_items() {
        assert_eq!(items("<; a.example ; b.example").collect::<Vec<_>>(), ["a.example", "b.example"]);
        assert_eq!(items("").filter(|item| is_domain(item)).count(), 0);
    }

    #[test]
    fn the_main_logs_of_exim_are_found() {
        let named = |setting: &str| logs(setting, "/var/spool/exim4").iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(named("/var/log/exim4/%slog"), ["/var/log/exim4/mainlog"]);
        assert_eq!(named(""), ["/var/spool/exim4/log/mainlog"]);
        assert_eq!(named("syslog"), [""; 0]);
        assert_eq!(named("syslog : /var/log/exim/%slog-%D"), ["/var/log/exim/mainlog"]);
    }
}
