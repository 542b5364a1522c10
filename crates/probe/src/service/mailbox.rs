//! The rules that the servers of mailboxes share, whether they speak IMAP or POP3: greeting, TLS, passwords in the clear, login.

use super::Encryption;
use crate::finding::{Finding, Severity};
use crate::talk::Fault;
use crate::talk::tls::Secured;

/// What tells the protocols apart in what is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// The rule about the greeting.
    pub(super) connect: &'static str,
    /// The rule about TLS.
    pub(super) tls: &'static str,
    /// The rule about passwords before TLS.
    pub(super) in_the_clear: &'static str,
    /// The rule about the login.
    pub(super) login: &'static str,
    /// The command that begins TLS.
    pub(super) command: &'static str,
    /// The port where TLS begins with the first byte.
    pub(super) port: u16,
}

impl Words {
    /// The greeting: whether it is friendly, and its text.
    pub(super) fn greeting(
        &self,
        subject: &str,
        greeting: Option<(bool, &str)>,
        tls: Option<&Result<Secured, Fault>>,
        broke: Option<&Fault>,
    ) -> Finding {
        let problem = |title: String| Finding::problem(self.connect, subject, Severity::High, title);
        match (greeting, broke) {
            (Some((true, text)), _) => Finding::ok(self.connect, subject, format!("The server greets: {text}")),
            (Some((false, text)), _) => problem(format!("The server refuses us: {text}"))
                .means("Users cannot read their mail.")
                .fix("Read the reply; look for limits of connections and for lists that name our address."),
            (None, Some(fault)) if matches!(tls, Some(Err(_))) => {
                problem(format!("TLS does not begin: {fault}")).means("Mail programs cannot connect.").fix(format!(
                    "Port {} speaks TLS from the first byte; look into the log of the server (Dovecot: `ssl_cert`, `ssl_key`).",
                    self.port
                ))
            }
            (None, fault) => {
                let fault = fault.map(ToString::to_string).unwrap_or_default();
                problem(format!("The connection opens, but no greeting comes: {fault}"))
                    .means("Users cannot read their mail.")
                    .fix("Look into the log of the server: limits of processes, a hung login service.")
            }
        }
    }

    /// Whether TLS works. `refused`: what the server said to the command that begins it.
    pub(super) fn encryption(
        &self,
        subject: &str,
        kind: Encryption,
        tls: Option<&Result<Secured, Fault>>,
        refused: Option<&str>,
    ) -> Finding {
        let broken = |title: String| {
            Finding::problem(self.tls, subject, Severity::High, title)
                .means("Passwords and mail go over the network in the clear, or mail programs refuse.")
                .fix("Dovecot: `ssl = required` with a certificate and key that can be read.")
        };
        match (tls, refused) {
            (Some(Ok(secured)), _) => {
                Finding::ok(self.tls, subject, format!("{} with {}", secured.version, secured.cipher)).value([secured.version.clone()])
            }
            (Some(Err(fault)), _) if fault.may_be_ours() => {
                Finding::unknown(self.tls, subject, format!("Whether TLS works was not seen: {fault}"))
            }
            (Some(Err(fault)), _) => broken(format!("TLS does not work: {fault}")),
            (None, Some(text)) => broken(format!("{} is announced and then refused: {text}", self.command)),
            (None, None) if kind == Encryption::OnDemand => broken(format!("{} is not offered", self.command)),
            (None, None) => Finding::unknown(self.tls, subject, "TLS was not seen"),
        }
    }

    /// Whether a password is taken before TLS. `open`: what was offered says so.
    pub(super) fn in_the_clear(&self, subject: &str, open: bool, same_host: bool) -> Finding {
        if !open {
            return Finding::ok(self.in_the_clear, subject, "No password is asked for before TLS");
        }
        if same_host {
            let title = "Whether passwords are taken before TLS cannot be seen from the server itself";
            return Finding::unknown(self.in_the_clear, subject, title)
                .means("Dovecot counts a connection from its own address as secure, and offers there what it offers to nobody else.")
                .fix("Run the probe from another machine.");
        }
        Finding::problem(self.in_the_clear, subject, Severity::High, "Passwords are taken before TLS")
            .means("A mail program that is set up wrongly sends its password in the clear, and nobody notices.")
            .fix("Dovecot: `ssl = required` (2.4: `auth_allow_cleartext = no`; before: `disable_plaintext_auth = yes`).")
    }

    /// A login and how it ended.
    pub(super) fn logged_in(&self, subject: &str, user: &str, ok: bool, text: &str) -> Finding {
        if ok {
            return Finding::ok(self.login, subject, format!("{user} can log in"));
        }
        Finding::problem(self.login, subject, Severity::High, format!("{user} cannot log in: {text}"))
            .means("If the password is right, other users cannot log in either.")
            .fix("Check the password; then the log of the authentication service (Dovecot).")
    }
}
