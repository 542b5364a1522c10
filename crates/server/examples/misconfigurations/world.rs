//! The clean set-up, and what a row makes of it.

use std::path::{Path, PathBuf};

use super::certificates::Authority;
use super::mailboxes::Mailboxes;
use super::misconfigured::servers::{Certificate, Change};
use super::misconfigured::{dns, signed};
use super::name_servers::{NameServers, RESOLVERS};
use super::postfix::Postfix;
use super::website::Website;
use super::zone::{TLSA, Zone};

/// All servers of a row.
pub(crate) struct World {
    folder: PathBuf,
    /// The program under test.
    pub(crate) program: PathBuf,
    authority: Authority,
    names: NameServers,
    website: Website,
    mail: Option<(Postfix, Mailboxes)>,
}

impl World {
    /// Without any server yet but the one for pages.
    pub(crate) fn new(folder: &Path) -> Self {
        let program = std::env::var_os("MAILVANE_BIN").map(PathBuf::from).expect("MAILVANE_BIN names the program");
        dns::write_key(folder);
        std::fs::write(folder.join("password"), "secret\n").unwrap();
        let authority = Authority::new(folder);
        let names = NameServers::new(folder);
        World { folder: folder.to_path_buf(), program, authority, names, website: Website::start(), mail: None }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Serves a zone, signed, with the key of the mail server pinned.
    pub(crate) fn serve_zone(&mut self, zone: Zone, spoiled: Option<signed::Change>) {
        let pinned = "_25._tcp.mail.example.test";
        let zone = if zone.has(pinned, TLSA) || !zone.has("mail.example.test", 1) {
            zone
        } else {
            zone.add(pinned, TLSA, [vec![3, 1, 1], self.authority.pin.clone()].concat())
        };
        self.names.serve(&zone, spoiled);
    }

    /// Sets up everything as a row wants it.
    pub(crate) fn serve(&mut self, change: &Change) {
        self.mail = None;
        self.serve_zone((change.zone)(dns::clean()), None);
        let issued = self.authority.issue(change.certificate, &["mail.example.test", "mta-sts.example.test", "www.example.test"]);
        self.website.show(change.page, &issued);
        let [certificate, key] = issued.write(&self.folder, change.certificate != Certificate::Missing);
        let mailboxes = Mailboxes::start(&self.folder.join("dovecot"), change, &certificate, &key);
        let postfix = Postfix::start(&self.folder.join("postfix"), &main_cf(change, &certificate, &key), &listeners(change));
        self.mail = Some((postfix, mailboxes));
    }

    fn common(&self) -> Vec<String> {
        let resolvers = RESOLVERS.iter().flat_map(|resolver| ["--resolver".to_owned(), resolver.to_string()]);
        resolvers.collect()
    }

    /// The words of a check of the domain.
    pub(crate) fn checked(&self, told: &[&str]) -> Vec<String> {
        let mut words = dns::command(&RESOLVERS.map(|resolver| resolver.to_string()), told);
        words.extend(["--anchor".to_owned(), self.path("anchor"), "--ca".to_owned(), self.path("ca.pem")]);
        words
    }

    /// The words of a probe of one server, from an address that nobody trusts.
    pub(crate) fn probed(&self, command: &[&str]) -> Vec<String> {
        if command == ["check"] {
            return self.checked(&[]);
        }
        let named = |word: &&str| if *word == "password" { self.path("password") } else { (*word).to_owned() };
        let mut words: Vec<String> = command.iter().map(named).collect();
        words.extend(["--from", "203.0.113.9", "--ca", &self.path("ca.pem"), "--json"].map(str::to_owned));
        words.extend(self.common());
        words
    }
}

fn main_cf(change: &Change, certificate: &str, key: &str) -> String {
    let clean = format!(
        "myhostname = mail.example.test\nmydestination = example.test\nlocal_recipient_maps = inline:{{postmaster=x, abuse=x, ann=x}}\n\
         alias_maps =\nalias_database =\ninet_interfaces = 192.0.2.10\ninet_protocols = ipv4\nmynetworks = 198.51.100.0/24\nsmtpd_peername_lookup = no\n\
         smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\nsmtpd_banner = $myhostname ESMTP\n\
         disable_vrfy_command = yes\nmessage_size_limit = 30000000\nmailbox_size_limit = 0\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = {certificate}\n\
         smtpd_tls_key_file = {key}\nsmtpd_tls_protocols = >=TLSv1.2\nsmtpd_tls_mandatory_protocols = >=TLSv1.2\nsmtpd_tls_auth_only = yes\nsmtpd_sasl_type = dovecot\n\
         smtpd_sasl_path = inet:192.0.2.10:12399\nsmtpd_sasl_security_options = noanonymous\nsmtpd_error_sleep_time = 0\n"
    );
    change.main.iter().fold(clean, |text, (name, value)| format!("{text}{name} = {value}\n"))
}

fn listeners(change: &Change) -> Vec<String> {
    let users = |own: &[(&str, &str)]| {
        let mut settings: Vec<(&str, &str)> = [("smtpd_sasl_auth_enable", "yes"), ("smtpd_tls_security_level", "encrypt")].to_vec();
        for (name, value) in own.iter().chain(change.users) {
            settings.retain(|(known, _)| known != name);
            settings.push((name, value));
        }
        settings.iter().map(|(name, value)| format!(" -o {name}={value}")).collect::<String>()
    };
    vec![
        "192.0.2.10:25 inet n - n - - smtpd".to_owned(),
        format!("192.0.2.10:587 inet n - n - - smtpd{}", users(&[])),
        format!("192.0.2.10:465 inet n - n - - smtpd{}", users(&[("smtpd_tls_wrappermode", "yes")])),
    ]
}
