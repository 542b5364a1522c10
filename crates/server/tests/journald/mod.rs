//! A real `systemd-journald` with files of its own, in a mount namespace where nothing of the machine's journal is seen or touched.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where distributions put it.
const PROGRAMS: [&str; 2] = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"];
/// It listens within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Files of it are small, so that it rotates often; nothing is suppressed, and the kernel's log and audit are left alone.
const CONFIGURATION: &str = "[Journal]\nStorage=persistent\nSystemMaxFileSize=512K\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=\n";
/// Its folders, of which those that are used again stand below `$1`.
const MOUNTS: &str = r#"
set -e
mount -t tmpfs none /run/systemd
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
cp "$1/own.conf" /run/systemd/journald.conf.d/
mount --bind "$1/run" /run/systemd/journal
mkdir -p /run/log
mount -t tmpfs none /run/log
mount -t tmpfs none /var/log
mkdir /var/log/journal
mount --bind "$1/journal" /var/log/journal
exec "$2"
"#;

/// It runs until it is dropped.
pub(crate) struct Journald {
    child: Child,
    folder: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Journald {
    /// Starts it; where that cannot be done, says why.
    pub(crate) fn start() -> Result<Self, String> {
        let program = PROGRAMS.iter().find(|path| Path::new(path).exists()).ok_or("systemd-journald is not installed")?;
        let installed =
            |name: &str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        if let Some(missing) = ["journalctl", "unshare", "nsenter"].into_iter().find(|name| !installed(name)) {
            return Err(format!("{missing} is not installed"));
        }
        // The path of a socket has room for about a hundred bytes.
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        for name in ["run", "journal"] {
            std::fs::create_dir(folder.path().join(name)).map_err(|error| error.to_string())?;
        }
        std::fs::write(folder.path().join("own.conf"), CONFIGURATION).map_err(|error| error.to_string())?;
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh"])
            .arg(folder.path())
            .arg(program)
            .env_remove("NOTIFY_SOCKET")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let socket = UnixDatagram::unbound().map_err(|error| error.to_string())?;
        let begun = Instant::now();
        while socket.connect(folder.path().join("run/dev-log")).is_err() {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                drop(child.kill());
                drop(child.wait());
                return Err("systemd-journald cannot be started in a mount namespace: that needs root".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let journald = Journald { child, folder, socket };
        // From `/run/log` to the files that are kept.
        journald.control(&["--flush"]);
        Ok(journald)
    }

    /// A program that is the real `journalctl` on the files of this journal.
    pub(crate) fn journalctl(&self) -> PathBuf {
        let path = self.folder.path().join("journalctl");
        let text = format!("#!/bin/sh\nexec journalctl --directory='{}' \"$@\"\n", self.folder.path().join("journal").display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What a mail server gives to syslog.
    pub(crate) fn write(&self, text: &str) {
        self.socket.send(text.as_bytes()).unwrap();
    }

    /// Asks the daemon by the real `journalctl` (`--rotate`, `--vacuum-files=1`).
    pub(crate) fn control(&self, arguments: &[&str]) {
        let process = self.child.id().to_string();
        let output = Command::new("nsenter").args(["--mount", "--target", &process, "journalctl"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
