//! Each misconfiguration of the table against Knot, Unbound, Postfix and Dovecot, in a network of their own.

use std::process::Command;

use anyhow::{Result, bail};

use super::network::{Network, missing};
use crate::program;
use crate::step::Outcome;

const NEEDED: [(&str, &str); 7] = [
    ("/usr/sbin/knotd", "knot"),
    ("/usr/bin/kzonesign", "knot-dnssecutils"),
    ("/usr/sbin/unbound", "unbound"),
    ("/usr/sbin/postfix", "postfix"),
    ("/usr/lib/dovecot/imap", "dovecot-imapd"),
    ("/usr/lib/dovecot/pop3", "dovecot-pop3d"),
    ("/usr/bin/unshare", "util-linux"),
];
/// The stranger, the mail server, two addresses of the name servers and of the resolver, one where nobody answers, and the web server.
const ADDRESSES: [&str; 8] =
    ["203.0.113.9", "192.0.2.10", "192.0.2.53", "198.51.100.53", "192.0.2.54", "198.51.100.54", "192.0.2.55", "192.0.2.80"];

/// Runs it; with words, only the rows whose names hold one of them.
pub(super) fn run(words: &[String]) -> Result<()> {
    let packages = missing(&NEEDED);
    if !packages.is_empty() {
        bail!("needs more programs: apt install {}", packages.join(" "));
    }
    Network { example: "misconfigurations", addresses: &ADDRESSES, hosts: "" }.run(words)
}

/// The step of `cargo xtask test`: what is missing is installed when we may; else the rows are left out, and it is said how to have them.
pub(crate) fn step() -> Result<Outcome> {
    let how = |packages: &[&str]| format!("misconfigurations of real servers: `sudo apt install {}`, then run as root", packages.join(" "));
    let mut packages = missing(&NEEDED);
    if !program::is_root() {
        let all = NEEDED.map(|(_, package)| package);
        return Ok(Outcome::Skipped(how(if packages.is_empty() { &all } else { &packages })));
    }
    if !packages.is_empty() && program::may_install() {
        println!("installing {}", packages.join(" "));
        program::run(Command::new("apt-get").arg("update"))?;
        program::run(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends"])
                .args(&packages)
                // They are started by the bench alone, each with settings of its own.
                .envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")]),
        )?;
        packages = missing(&NEEDED);
    }
    if !packages.is_empty() {
        return Ok(Outcome::Skipped(how(&packages)));
    }
    run(&[])?;
    Ok(Outcome::Passed)
}
