//! From a failed delivery to a mail in the operator's mailbox, with a real Postfix in a network of its own.

use anyhow::{Result, bail};

use super::network::{Network, missing};

/// The names in that network; the first is 203.0.113.11.
const NAMES: [&str; 9] = ["good", "blocked", "throttled", "late", "elsewhere", "second", "busy", "strangers", "gone"];

/// Builds what it needs and runs it; its options are handed on. Needs Linux, root, Postfix and `ip`.
pub(super) fn run(options: &[String]) -> Result<()> {
    let packages = missing(&[("/usr/sbin/postfix", "postfix"), ("/usr/bin/unshare", "util-linux")]);
    if !packages.is_empty() {
        bail!("needs more programs: apt install {}", packages.join(" "));
    }
    let addresses: Vec<String> = (11..).take(NAMES.len()).map(|number| format!("203.0.113.{number}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let hosts: String = NAMES.iter().zip(&addresses).map(|(name, address)| format!("{address} mx.{name}.example\n")).collect();
    Network { example: "notices", addresses: &addresses, hosts: &hosts }.run(options)
}
