//! What Exim says of itself: `exim -bV`, and its settings by `exim -bP`.

use std::path::PathBuf;
use std::process::Command;

use super::Found;

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
