//! A real Dovecot, which also answers the logins of Postfix.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::misconfigured::servers::Change;

/// Longest wait for a server to listen.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

/// It is stopped with its value.
pub(crate) struct Mailboxes {
    child: Child,
}

impl Mailboxes {
    /// Starts it as a row wants it, and waits until it answers.
    pub(crate) fn start(folder: &Path, change: &Change, certificate: &str, key: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let set = |name: &str, usual: &str| {
            let own = change.dovecot.iter().find(|(known, _)| *known == name);
            own.map_or_else(|| usual.to_owned(), |(_, value)| (*value).to_owned())
        };
        let at = |name: &str| folder.join(name).display().to_string();
        let text = format!(
            "base_dir = {run}\nstate_dir = {state}\nlog_path = {log}\nprotocols = {protocols}\nlisten = 192.0.2.10\nssl = {ssl}\nssl_cert = <{certificate}\n\
             ssl_key = <{key}\nssl_min_protocol = TLSv1.2\ndisable_plaintext_auth = {clear}\nauth_mechanisms = {ways}\nmail_location = maildir:{mail}/%u\n\
             first_valid_uid = 1\npassdb {{\n  driver = static\n  args = password={password}\n}}\n\
             userdb {{\n  driver = static\n  args = uid=dovecot gid=dovecot home={mail}/%u\n}}\n\
             service auth {{\n  inet_listener {{\n    port = 12399\n  }}\n}}\nservice imap-login {{\n  chroot =\n}}\nservice pop3-login {{\n  chroot =\n}}\nservice anvil {{\n  chroot =\n}}\n",
            run = at("run"),
            state = at("state"),
            log = at("dovecot.log"),
            mail = at("mail"),
            protocols = set("protocols", "imap pop3"),
            ssl = set("ssl", "yes"),
            clear = set("disable_plaintext_auth", "yes"),
            ways = set("auth_mechanisms", "plain login"),
            password = set("passdb_password", "secret"),
        );
        // Without a certificate Dovecot does not start; that row is about Postfix.
        let text = if Path::new(certificate).exists() {
            text
        } else {
            text.replace("ssl = yes\n", "ssl = no\n").replace(&format!("<{certificate}"), "").replace(&format!("<{key}"), "")
        };
        let file = folder.join("dovecot.conf");
        std::fs::write(&file, text).unwrap();
        std::fs::create_dir_all(folder.join("mail")).unwrap();
        assert!(Command::new("chown").args(["-R", "dovecot"]).arg(folder.join("mail")).status().unwrap().success());
        let child = Command::new("/usr/sbin/dovecot")
            .arg("-F")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mailboxes = Mailboxes { child };
        wait_for("192.0.2.10:12399");
        mailboxes
    }
}

impl Drop for Mailboxes {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a server and waits for it, so that its ports are free.
pub(crate) fn end(child: &mut Child) {
    drop(Command::new("kill").args(["-TERM", &child.id().to_string()]).status());
    drop(child.wait());
}

/// Waits until somebody listens.
pub(crate) fn wait_for(address: &str) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < LONGEST, "nobody listens at {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
