//! A network of its own for servers of a bench: addresses that are nobody else's, names, and nothing outside.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{program, workspace};

/// What a bench needs.
pub(super) struct Network<'a> {
    /// The example of `mailvane-server` that runs in it.
    pub(super) example: &'a str,
    /// Addresses of this machine.
    pub(super) addresses: &'a [&'a str],
    /// Lines of `/etc/hosts`.
    pub(super) hosts: &'a str,
}

/// Packages whose program is not here.
pub(super) fn missing<'a>(needed: &[(&str, &'a str)]) -> Vec<&'a str> {
    needed.iter().filter(|(path, _)| !Path::new(path).is_file()).map(|(_, package)| *package).collect()
}

impl Network<'_> {
    /// Builds the program and the example, and runs the one on the other. Needs Linux, root, and `unshare` and `ip`.
    pub(super) fn run(&self, arguments: &[String]) -> Result<()> {
        if !program::is_root() {
            bail!("needs root, for a network of its own");
        }
        let mailvane = workspace::build_program("dev", workspace::Build::Whole)?;
        program::run(&mut workspace::cargo(&["build", "--workspace", "--example", self.example]))?;
        let built = workspace::target()?.join("debug/examples").join(self.example);
        let hosts = std::env::temp_dir().join(format!("mailvane-hosts-{}", std::process::id()));
        std::fs::write(&hosts, format!("127.0.0.1 localhost\n{}", self.hosts))
            .with_context(|| format!("cannot write {}", hosts.display()))?;
        let addresses: String = self.addresses.iter().map(|address| format!("ip addr add {address}/32 dev lo && ")).collect();
        let script =
            format!("ip link set lo up && {addresses} mount --bind {} /etc/hosts && exec {} \"$@\"", hosts.display(), built.display());
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", &script, "sh"]).args(arguments).env("MAILVANE_BIN", mailvane);
        let result = program::run(&mut command);
        // What is left of it does no harm.
        let _ = std::fs::remove_file(&hosts);
        result
    }
}
