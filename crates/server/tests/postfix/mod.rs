//! A real Postfix in a folder of its own. Needs root.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The services that every Postfix has, behind those that listen.
const SERVICES: [&str; 15] = [
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "smtp unix - - n - - smtp",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "showq unix n - n - - showq",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
];

/// It is stopped with its value.
pub(crate) struct Postfix {
    folder: PathBuf,
}

impl Postfix {
    /// Starts it with these lines of `main.cf` and these services that listen. Its log is `mail.log` in the folder.
    pub(crate) fn start(folder: &Path, main: &str, listeners: &[String]) -> Self {
        let at = |name: &str| folder.join(name);
        for name in ["etc", "queue", "data"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        let own = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmaillog_file = {}\nmaillog_file_prefixes = /var, {}\n",
            at("queue").display(),
            at("data").display(),
            at("mail.log").display(),
            folder.display(),
        );
        std::fs::write(at("etc/main.cf"), own + main).unwrap();
        let services = listeners.iter().map(String::as_str).chain(SERVICES).chain(["postlog unix-dgram n - n - 1 postlogd"]);
        std::fs::write(at("etc/master.cf"), services.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        assert!(Command::new("chown").args(["-R", "postfix"]).arg(at("data")).status().unwrap().success());
        let postfix = Postfix { folder: folder.to_path_buf() };
        assert!(postfix.command("start"), "Postfix does not start: see {}", at("mail.log").display());
        postfix
    }

    /// `postfix WORD`.
    pub(crate) fn command(&self, word: &str) -> bool {
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(self.folder.join("etc")).arg(word).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("mail.log")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.command("abort");
    }
}
