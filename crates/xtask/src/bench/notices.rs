//! From a failed delivery to a mail in the operator's mailbox, with a real Postfix in a network of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{program, workspace};

/// The names in that network; the first is 203.0.113.11.
const NAMES: [&str; 6] = ["good", "blocked", "throttled", "late", "elsewhere", "second"];

/// Builds what it needs and runs it. Needs Linux, root, Postfix and `ip`.
pub(super) fn run() -> Result<()> {
    for (path, package) in [("/usr/sbin/postfix", "postfix"), ("/usr/bin/unshare", "util-linux")] {
        if !Path::new(path).is_file() {
            bail!("needs {path}: apt install {package}");
        }
    }
    let mailvane = workspace::build_program("dev", workspace::Build::Whole)?;
    program::run(&mut workspace::cargo(&["build", "--workspace", "--example", "notices"]))?;
    let built = workspace::target()?.join("debug");
    let hosts = std::env::temp_dir().join(format!("mailvane-hosts-{}", std::process::id()));
    let lines: String = NAMES.iter().zip(11..).map(|(name, number)| format!("203.0.113.{number} mx.{name}.example\n")).collect();
    std::fs::write(&hosts, format!("127.0.0.1 localhost\n{lines}")).with_context(|| format!("cannot write {}", hosts.display()))?;
    let addresses: String = (11..17).map(|number| format!("ip addr add 203.0.113.{number}/32 dev lo && ")).collect();
    let script = format!(
        "ip link set lo up && {addresses} mount --bind {} /etc/hosts && exec {}",
        hosts.display(),
        built.join("examples/notices").display()
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", &script]).env("MAILVANE_BIN", mailvane);
    let result = program::run(&mut command);
    // What is left of it does no harm.
    let _ = std::fs::remove_file(&hosts);
    result
}
