//! The certificate a server shows: its dates, the names it is for, who stands behind it, its key and signature (RFC 9525, RFC 8996).

use std::net::IpAddr;

use mailvane_model::Time;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

use super::Role;
use crate::finding::{Finding, Severity};
use crate::talk::tls::Secured;

/// Days before the end at which it becomes urgent, and at which it is worth a word.
const URGENT_DAYS: i64 = 7;
/// See [`URGENT_DAYS`].
const SOON_DAYS: i64 = 21;
/// Bits of an RSA key below which it is weak.
const RSA_BITS: usize = 2048;
/// Bits of a key on an elliptic curve below which it is weak.
const EC_BITS: usize = 256;

/// What is in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// First moment.
    pub not_before: Time,
    /// Last moment.
    pub not_after: Time,
    /// The DNS names it is for, in lower case.
    pub names: Vec<String>,
    /// The addresses it is for.
    pub addresses: Vec<IpAddr>,
    /// `RSA 2048`, `EC 256`.
    pub key: String,
    /// Whether that is too weak.
    pub weak_key: bool,
    /// The signature algorithm when it is one that is no longer believed.
    pub old_signature: Option<&'static str>,
}

impl Certificate {
    /// Reads one.
    pub fn read(der: &[u8]) -> Result<Self, String> {
        let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
        let (names, addresses) = names(&parsed);
        let (key, weak_key) = key(&parsed);
        Ok(Certificate {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            not_before: Time::from_seconds(parsed.validity().not_before.timestamp()),
            not_after: Time::from_seconds(parsed.validity().not_after.timestamp()),
            names,
            addresses,
            key,
            weak_key,
            old_signature: old_signature(&parsed.signature_algorithm.algorithm.to_id_string()),
        })
    }

    /// Is it for this host? A `*` stands for one label, the leftmost (RFC 9525 section 6.3).
    pub fn covers(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let host = crate::lookup::name::canonical(host);
        let rest = host.split_once('.').map(|(_, rest)| rest);
        self.names.iter().any(|name| *name == host || name.strip_prefix("*.").is_some_and(|name| Some(name) == rest))
    }
}

fn names(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return (Vec::new(), Vec::new()) };
    let mut names = Vec::new();
    let mut addresses = Vec::new();
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.push(crate::lookup::name::canonical(name)),
            GeneralName::IPAddress(bytes) => {
                let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok();
                addresses.extend(four.or_else(|| <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok()));
            }
            _ => {}
        }
    }
    (names, addresses)
}

fn key(certificate: &X509Certificate<'_>) -> (String, bool) {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => (format!("RSA {}", key.key_size()), key.key_size() < RSA_BITS),
        Ok(PublicKey::EC(point)) => (format!("EC {}", point.key_size()), point.key_size() < EC_BITS),
        Ok(PublicKey::DSA(_)) => ("DSA".to_owned(), true),
        // Ed25519 and what comes after it.
        _ => ("other".to_owned(), false),
    }
}

fn old_signature(oid: &str) -> Option<&'static str> {
    match oid {
        "1.2.840.113549.1.1.2" => Some("MD2"),
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => Some("SHA-1"),
        _ => None,
    }
}

/// Everything about the certificate of a server called `host`.
pub fn look(subject: &str, host: &str, role: Role, secured: &Secured, now: Time) -> Vec<Finding> {
    let Some(first) = secured.chain.first() else {
        return vec![Finding::problem("tls.chain", subject, Severity::High, "The server shows no certificate")];
    };
    let certificate = match Certificate::read(first) {
        Ok(certificate) => certificate,
        Err(error) => {
            let title = format!("The certificate cannot be read: {error}");
            return vec![Finding::problem("tls.chain", subject, Severity::High, title).fix("Install a certificate of a usual authority.")];
        }
    };
    let mut findings =
        vec![expiry(subject, &certificate, now), name(subject, host, role, &certificate), chain(subject, role, &certificate, secured)];
    findings.extend(strength(subject, &certificate));
    findings
}

fn days(seconds: i64) -> String {
    let days = seconds / 86_400;
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn expiry(subject: &str, certificate: &Certificate, now: Time) -> Finding {
    let left = certificate.not_after.seconds() - now.seconds();
    let end = certificate.not_after.rfc3339(0);
    let end = end.get(..10).unwrap_or(&end);
    let fix =
        "Renew it, then let the server read it again (`postfix reload`, `doveadm reload`); see why the automatic renewal did not run.";
    let finding = if left < 0 {
        let title = format!("The certificate expired on {end}, {} ago", days(-left));
        Finding::problem("tls.expiry", subject, Severity::High, title)
            .means("Mail programs refuse to connect; servers that check (MTA-STS, DANE with an authority) deliver no more.")
            .fix(fix)
    } else if certificate.not_before > now {
        let title = format!("The certificate is valid only from {}", certificate.not_before.rfc3339(0));
        Finding::problem("tls.expiry", subject, Severity::High, title)
            .means("To mail programs it is as bad as an expired one. Or the clock of this machine is wrong.")
            .fix("Look at the clock; else install the certificate that is valid now.")
    } else if left < URGENT_DAYS * 86_400 {
        Finding::warning("tls.expiry", subject, Severity::High, format!("The certificate expires in {}", days(left))).fix(fix)
    } else if left < SOON_DAYS * 86_400 {
        Finding::warning("tls.expiry", subject, Severity::Medium, format!("The certificate expires in {}", days(left))).fix(fix)
    } else {
        Finding::ok("tls.expiry", subject, format!("The certificate is valid until {end} ({})", days(left)))
    };
    finding.value([format!("until {}", certificate.not_after.rfc3339(0))])
}

fn name(subject: &str, host: &str, role: Role, certificate: &Certificate) -> Finding {
    let addresses = certificate.addresses.iter().map(ToString::to_string);
    let names: Vec<String> = certificate.names.iter().cloned().chain(addresses).collect();
    if certificate.covers(host) {
        return Finding::ok("tls.name", subject, format!("The certificate is for {host}")).value(names);
    }
    let shown = if names.is_empty() { format!("no name at all (only {})", certificate.subject) } else { names.join(", ") };
    let title = format!("The certificate is not for {host} but for {shown}");
    let fix = format!("Get a certificate with {host} among its names, or give people (or the MX record) a name that it has.");
    let finding = match role {
        Role::Exchange => Finding::warning("tls.name", subject, Severity::Medium, title)
            .means("Most servers encrypt all the same; those that check (MTA-STS, DANE with an authority) do not deliver."),
        Role::Clients => {
            Finding::problem("tls.name", subject, Severity::High, title).means("Mail programs and browsers warn or refuse to connect.")
        }
    };
    finding.fix(fix).value(names)
}

fn chain(subject: &str, role: Role, certificate: &Certificate, secured: &Secured) -> Finding {
    let value = [format!("issuer {}", certificate.issuer), format!("{} certificates", secured.chain.len())];
    let Err(why) = &secured.chained else {
        return Finding::ok("tls.chain", subject, format!("An authority stands behind the certificate: {}", certificate.issuer))
            .value(value);
    };
    let own = certificate.issuer == certificate.subject;
    let title = match (own, secured.chain.len()) {
        (true, _) => "The certificate is signed by itself".to_owned(),
        (false, 1) => format!("The chain of the certificate is not complete: {why}"),
        _ => format!("The certificate is not trusted: {why}"),
    };
    let fix = if own {
        "Get a certificate of an authority, for example by ACME (Let's Encrypt)."
    } else {
        "Let the server send the whole chain (`fullchain.pem`): its own certificate and those of the authorities between."
    };
    let finding = match role {
        Role::Exchange => Finding::warning("tls.chain", subject, Severity::Medium, title)
            .means("Most servers encrypt all the same; those that check (MTA-STS) do not deliver."),
        Role::Clients => Finding::problem("tls.chain", subject, Severity::High, title).means("Mail programs and browsers warn or refuse."),
    };
    finding.fix(fix).value(value)
}

fn strength(subject: &str, certificate: &Certificate) -> Vec<Finding> {
    let mut findings = Vec::new();
    if certificate.weak_key {
        let title = format!("The key of the certificate is weak: {}", certificate.key);
        findings.push(
            Finding::warning("tls.key", subject, Severity::High, title)
                .means("Current systems refuse RSA keys below 2048 bits.")
                .fix("Make a new key: RSA with 2048 bits or more, or EC P-256."),
        );
    } else {
        findings.push(Finding::ok("tls.key", subject, format!("Key {}", certificate.key)).value([certificate.key.clone()]));
    }
    if let Some(algorithm) = certificate.old_signature {
        findings.push(
            Finding::warning("tls.signature", subject, Severity::High, format!("The certificate is signed with {algorithm}"))
                .means("Such signatures can be forged, and current systems do not accept them.")
                .fix("Have it issued again; every authority signs with SHA-256 today."),
        );
    }
    findings
}
