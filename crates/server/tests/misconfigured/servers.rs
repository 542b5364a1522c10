//! Rows about mail servers, mailboxes and pages: what is set in Postfix, Dovecot and the web server, and which probe has to see it.

use super::Row;
use crate::zone::{TLSA, Zone};

/// What a server shows as its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// For its names, by the authority of the test, for a year.
    Good,
    /// It ended last month.
    Expired,
    /// It begins next month.
    Early,
    /// It ends in five days.
    Ending,
    /// It is for another name.
    OtherName,
    /// Nobody stands behind it.
    OwnSigned,
    /// A file that is not there.
    Missing,
}

/// What the web server answers.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    /// Status and the rest of the first line.
    pub(crate) status: &'static str,
    /// More headers.
    pub(crate) headers: &'static str,
    /// The text.
    pub(crate) body: &'static str,
}

/// The set-up of a row.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    /// Lines of `main.cf`, over those of the clean set-up.
    pub(crate) main: &'static [(&'static str, &'static str)],
    /// Settings of the ports for users alone (587 and 465).
    pub(crate) users: &'static [(&'static str, &'static str)],
    /// Lines of `dovecot.conf`.
    pub(crate) dovecot: &'static [(&'static str, &'static str)],
    /// The certificate of all servers.
    pub(crate) certificate: Certificate,
    /// What the web server answers.
    pub(crate) page: Page,
    /// The zone.
    pub(crate) zone: fn(Zone) -> Zone,
    /// The command.
    pub(crate) command: &'static [&'static str],
}

const POLICY: &str = "version: STSv1\nmode: enforce\nmx: mail.example.test\nmax_age: 1209600\n";
const TEXT: &str = "content-type: text/plain\r\n";

fn unchanged(zone: Zone) -> Zone {
    zone
}

const CLEAN: Change = Change {
    main: &[],
    users: &[],
    dovecot: &[],
    certificate: Certificate::Good,
    page: Page { status: "200 OK", headers: TEXT, body: POLICY },
    zone: unchanged,
    command: &[],
};

const EXCHANGE: &[&str] = &["probe", "smtp", "mail.example.test:25", "--own", "--domain", "example.test", "--trusted", "198.51.100.0/24"];
/// The same host, seen from a network that it relays for.
const FRIEND: &[&str] = &["probe", "smtp", "mail.example.test:25", "--own", "--domain", "example.test", "--trusted", "203.0.113.0/24"];
const SUBMISSION: &[&str] = &["probe", "smtp", "mail.example.test:587", "--user", "ann", "--password-file", "password"];
const SUBMISSIONS: &[&str] = &["probe", "smtp", "mail.example.test:465", "--user", "ann", "--password-file", "password"];
const IMAP: &[&str] = &["probe", "imap", "mail.example.test:143", "--user", "ann", "--password-file", "password"];
const IMAPS: &[&str] = &["probe", "imap", "mail.example.test:993", "--user", "ann", "--password-file", "password"];
const POP3: &[&str] = &["probe", "pop3", "mail.example.test:110", "--user", "ann", "--password-file", "password"];
const POP3S: &[&str] = &["probe", "pop3", "mail.example.test:995", "--user", "ann", "--password-file", "password"];
const WEB: &[&str] = &["probe", "http", "https://www.example.test/"];
/// The whole check of the domain, with its policy over HTTPS and its MX host.
const DOMAIN: &[&str] = &["check"];
const NO_SUCH: &[&str] = &["probe", "smtp", "mail.example.test:2525", "--control", "mail.example.test:25"];

const fn row(name: &'static str, expected: &'static [&'static str], change: Change) -> Row<Change> {
    Row { name, change, expected }
}

fn announced(zone: Zone) -> Zone {
    zone.txt("_mta-sts.example.test", "v=STSv1; id=1").a("mta-sts.example.test", [192, 0, 2, 80])
}

fn other_pin(zone: Zone) -> Zone {
    zone.without("_25._tcp.mail.example.test", TLSA).add("_25._tcp.mail.example.test", TLSA, [vec![3, 1, 1], vec![7; 32]].concat())
}

const fn policy(page: Page) -> Change {
    Change { zone: announced, command: DOMAIN, page, ..CLEAN }
}

const fn text(body: &'static str) -> Page {
    Page { status: "200 OK", headers: TEXT, body }
}

/// Nothing is wrong.
pub(crate) const CLEAN_ROWS: &[Row<Change>] = &[
    row("the exchange, seen by a stranger", &[], Change { command: EXCHANGE, ..CLEAN }),
    row("submission", &[], Change { command: SUBMISSION, ..CLEAN }),
    row("submission with TLS from the first byte", &[], Change { command: SUBMISSIONS, ..CLEAN }),
    row("IMAP", &[], Change { command: IMAP, ..CLEAN }),
    row("IMAP with TLS from the first byte", &[], Change { command: IMAPS, ..CLEAN }),
    row("POP3", &[], Change { command: POP3, ..CLEAN }),
    row("POP3 with TLS from the first byte", &[], Change { command: POP3S, ..CLEAN }),
    row("a page", &[], Change { command: WEB, ..CLEAN }),
    row("the domain with its policy and its MX host", &[], Change { zone: announced, command: DOMAIN, ..CLEAN }),
];

/// Each thing that can be wrong.
pub(crate) const ROWS: &[Row<Change>] = &[
    row("no STARTTLS on 25", &["smtp.starttls"], Change { main: &[("smtpd_tls_security_level", "none")], command: EXCHANGE, ..CLEAN }),
    row("a certificate that cannot be read", &["smtp.starttls"], Change { certificate: Certificate::Missing, command: EXCHANGE, ..CLEAN }),
    row(
        "an expired certificate on 25",
        &["dane.match", "tls.expiry"],
        Change { certificate: Certificate::Expired, command: EXCHANGE, ..CLEAN },
    ),
    row(
        "a certificate that ends in five days",
        &["dane.match", "tls.expiry"],
        Change { certificate: Certificate::Ending, command: EXCHANGE, ..CLEAN },
    ),
    row(
        "a certificate for another name on 25",
        &["dane.match", "tls.name"],
        Change { certificate: Certificate::OtherName, command: EXCHANGE, ..CLEAN },
    ),
    row(
        "a certificate signed by itself on 25",
        &["dane.match", "tls.chain"],
        Change { certificate: Certificate::OwnSigned, command: EXCHANGE, ..CLEAN },
    ),
    row("a TLSA record of another key", &["dane.match"], Change { zone: other_pin, command: EXCHANGE, ..CLEAN }),
    row(
        "TLS 1.0 is still spoken",
        &["tls.old"],
        Change {
            main: &[("smtpd_tls_protocols", ">=TLSv1"), ("smtpd_tls_ciphers", "low"), ("tls_low_cipherlist", "ALL:@SECLEVEL=0")],
            command: EXCHANGE,
            ..CLEAN
        },
    ),
    row(
        "the version in the greeting",
        &["smtp.version"],
        Change { main: &[("smtpd_banner", "$myhostname ESMTP Postfix 3.7.11")], command: EXCHANGE, ..CLEAN },
    ),
    row("a greeting without a name", &["smtp.banner"], Change { main: &[("smtpd_banner", "welcome")], command: EXCHANGE, ..CLEAN }),
    row("a bare host name", &["smtp.banner", "smtp.name"], Change { main: &[("myhostname", "mail")], command: EXCHANGE, ..CLEAN }),
    row("VRFY answers", &["smtp.vrfy"], Change { main: &[("disable_vrfy_command", "no")], command: EXCHANGE, ..CLEAN }),
    row(
        "messages over 1 MB are refused",
        &["smtp.size"],
        Change { main: &[("message_size_limit", "1000000")], command: EXCHANGE, ..CLEAN },
    ),
    row("SIZE is not offered", &["smtp.size"], Change { main: &[("smtpd_discard_ehlo_keywords", "size")], command: EXCHANGE, ..CLEAN }),
    row(
        "PIPELINING is not offered",
        &["smtp.pipelining"],
        Change { main: &[("smtpd_discard_ehlo_keywords", "pipelining")], command: EXCHANGE, ..CLEAN },
    ),
    row(
        "8BITMIME is not offered",
        &["smtp.8bitmime"],
        Change { main: &[("smtpd_discard_ehlo_keywords", "8bitmime")], command: EXCHANGE, ..CLEAN },
    ),
    row("users log in on 25", &["smtp.auth-exchange"], Change { main: &[("smtpd_sasl_auth_enable", "yes")], command: EXCHANGE, ..CLEAN }),
    row(
        "users log in on 25 without TLS",
        &["smtp.auth-clear", "smtp.auth-exchange"],
        Change { main: &[("smtpd_sasl_auth_enable", "yes"), ("smtpd_tls_auth_only", "no")], command: EXCHANGE, ..CLEAN },
    ),
    row(
        "an open relay",
        &["smtp.relay", "smtp.relay-disguised"],
        Change { main: &[("mynetworks", "0.0.0.0/0")], command: EXCHANGE, ..CLEAN },
    ),
    row(
        "an open relay for one network too many",
        &["smtp.relay", "smtp.relay-disguised"],
        Change { main: &[("mynetworks", "203.0.0.0/8")], command: EXCHANGE, ..CLEAN },
    ),
    row(
        "a server that relays for a network that it trusts",
        &[],
        Change { main: &[("mynetworks", "203.0.113.0/24")], command: FRIEND, ..CLEAN },
    ),
    row(
        "postmaster is refused",
        &["smtp.postmaster"],
        Change {
            main: &[("smtpd_recipient_restrictions", "check_recipient_access inline:{postmaster@example.test=REJECT}")],
            command: EXCHANGE,
            ..CLEAN
        },
    ),
    row(
        "abuse is refused",
        &["smtp.abuse"],
        Change {
            main: &[("smtpd_recipient_restrictions", "check_recipient_access inline:{abuse@example.test=REJECT}")],
            command: EXCHANGE,
            ..CLEAN
        },
    ),
    row(
        "everybody is refused",
        &["smtp.connect"],
        Change { main: &[("smtpd_client_restrictions", "reject"), ("smtpd_delay_reject", "no")], command: EXCHANGE, ..CLEAN },
    ),
    row("nobody listens", &["smtp.connect"], Change { command: NO_SUCH, ..CLEAN }),
    row(
        "passwords before TLS on 587",
        &["smtp.auth-clear"],
        Change { users: &[("smtpd_tls_auth_only", "no"), ("smtpd_tls_security_level", "may")], command: SUBMISSION, ..CLEAN },
    ),
    row("no login on 587", &["smtp.auth"], Change { users: &[("smtpd_sasl_auth_enable", "no")], command: SUBMISSION, ..CLEAN }),
    row("no STARTTLS on 587", &["smtp.starttls"], Change { users: &[("smtpd_tls_security_level", "none")], command: SUBMISSION, ..CLEAN }),
    row("a login that is refused", &["smtp.login"], Change { dovecot: &[("passdb_password", "other")], command: SUBMISSION, ..CLEAN }),
    row(
        "old ways to log in",
        &["smtp.auth"],
        Change { dovecot: &[("auth_mechanisms", "plain login cram-md5")], command: SUBMISSION, ..CLEAN },
    ),
    row("an expired certificate on 587", &["tls.expiry"], Change { certificate: Certificate::Expired, command: SUBMISSION, ..CLEAN }),
    row(
        "a certificate for another name on 587",
        &["tls.name"],
        Change { certificate: Certificate::OtherName, command: SUBMISSION, ..CLEAN },
    ),
    row("465 without TLS", &["smtp.connect"], Change { users: &[("smtpd_tls_wrappermode", "no")], command: SUBMISSIONS, ..CLEAN }),
    row(
        "passwords before TLS on 143",
        &["imap.auth-clear"],
        Change { dovecot: &[("disable_plaintext_auth", "no")], command: IMAP, ..CLEAN },
    ),
    row(
        "no STARTTLS on 143",
        &["imap.auth-clear", "imap.tls"],
        Change { dovecot: &[("ssl", "no"), ("disable_plaintext_auth", "no")], command: IMAP, ..CLEAN },
    ),
    row("an expired certificate on 993", &["tls.expiry"], Change { certificate: Certificate::Expired, command: IMAPS, ..CLEAN }),
    row(
        "a certificate that begins next month on 993",
        &["tls.expiry"],
        Change { certificate: Certificate::Early, command: IMAPS, ..CLEAN },
    ),
    row("a certificate for another name on 993", &["tls.name"], Change { certificate: Certificate::OtherName, command: IMAPS, ..CLEAN }),
    row("a certificate signed by itself on 993", &["tls.chain"], Change { certificate: Certificate::OwnSigned, command: IMAPS, ..CLEAN }),
    row("a mailbox that cannot be opened", &["imap.login"], Change { dovecot: &[("passdb_password", "other")], command: IMAPS, ..CLEAN }),
    row("nobody listens on 993", &["imap.connect"], Change { dovecot: &[("protocols", "pop3")], command: IMAPS, ..CLEAN }),
    row(
        "passwords before TLS on 110",
        &["pop3.auth-clear"],
        Change { dovecot: &[("disable_plaintext_auth", "no")], command: POP3, ..CLEAN },
    ),
    row(
        "no STLS on 110",
        &["pop3.auth-clear", "pop3.tls"],
        Change { dovecot: &[("ssl", "no"), ("disable_plaintext_auth", "no")], command: POP3, ..CLEAN },
    ),
    row("an expired certificate on 995", &["tls.expiry"], Change { certificate: Certificate::Expired, command: POP3S, ..CLEAN }),
    row("a POP3 login that is refused", &["pop3.login"], Change { dovecot: &[("passdb_password", "other")], command: POP3S, ..CLEAN }),
    row("an MTA-STS policy that is not there", &["mta-sts.policy"], policy(Page { status: "404 Not Found", headers: TEXT, body: "" })),
    row(
        "an MTA-STS policy behind a redirect",
        &["mta-sts.policy"],
        policy(Page { status: "301 Moved", headers: "location: https://www.example.test/\r\n", body: "" }),
    ),
    row(
        "an MTA-STS policy as HTML",
        &["mta-sts.type"],
        policy(Page { status: "200 OK", headers: "content-type: text/html\r\n", body: POLICY }),
    ),
    row("a broken MTA-STS policy", &["mta-sts.policy"], policy(text("version: STSv1\nmode: always\n"))),
    row(
        "an MTA-STS policy in mode testing",
        &["mta-sts.mode"],
        policy(text("version: STSv1\nmode: testing\nmx: mail.example.test\nmax_age: 1209600\n")),
    ),
    row(
        "an MTA-STS policy for a day",
        &["mta-sts.max-age"],
        policy(text("version: STSv1\nmode: enforce\nmx: mail.example.test\nmax_age: 86400\n")),
    ),
    row(
        "an MTA-STS policy without the MX host",
        &["mta-sts.hosts"],
        policy(text("version: STSv1\nmode: enforce\nmx: other.example.test\nmax_age: 1209600\n")),
    ),
    row(
        "an MTA-STS policy behind an expired certificate",
        &["dane.match", "mta-sts.policy", "tls.expiry"],
        Change { zone: announced, command: DOMAIN, certificate: Certificate::Expired, ..CLEAN },
    ),
    row(
        "an MTA-STS policy behind a certificate for another name",
        &["dane.match", "mta-sts.policy", "tls.name"],
        Change { zone: announced, command: DOMAIN, certificate: Certificate::OtherName, ..CLEAN },
    ),
    row(
        "a page that does not work",
        &["http.status"],
        Change { command: WEB, page: Page { status: "502 Bad Gateway", headers: TEXT, body: "" }, ..CLEAN },
    ),
    row("an expired certificate of the page", &["tls.expiry"], Change { command: WEB, certificate: Certificate::Expired, ..CLEAN }),
];
