//! The table for people: `crates/probe/MISCONFIGURATIONS.md`, held to these rows by a test.

use super::{dns, servers, signed};

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = "# Misconfigurations that Mailvane finds\n\n\
        Each line changes one thing of a clean set-up, runs the real program and wants exactly these rules to speak up, no more and no fewer;\n\
        \"nothing\" is a failure of somebody else or of the network, which must not be taken for news about the domain. The clean set-up has\n\
        0 problems and 0 warnings. Lines about records run in the test suite against a name server of its own; `cargo xtask bench misconfigurations`\n\
        runs all of them against Knot (signed zones), Unbound, Postfix and Dovecot from Debian's packages. The rows are in\n\
        `crates/server/tests/misconfigured/`, and this page is made from them.\n"
        .to_owned();
    let dns = dns::rows().map(|row| (row.name, row.expected));
    section(&mut page, "Records", dns.collect());
    section(&mut page, "Signatures", signed::ROWS.iter().map(|row| (row.name, row.expected)).collect());
    section(&mut page, "Servers, mailboxes and pages", servers::ROWS.iter().map(|row| (row.name, row.expected)).collect());
    page
}

fn section(page: &mut String, title: &str, rows: Vec<(&str, &[&str])>) {
    page.push_str(&format!("\n## {title} ({})\n\n| misconfiguration | rules |\n|---|---|\n", rows.len()));
    for (name, rules) in rows {
        let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
        let rules = if rules.is_empty() { "nothing".to_owned() } else { rules.join(", ") };
        page.push_str(&format!("| {name} | {rules} |\n"));
    }
}
