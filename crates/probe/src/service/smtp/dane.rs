//! DANE on the live server: does its certificate match what is pinned in DNS (RFC 7672 section 3, RFC 6698 section 2.1)?

use ring::digest;

use super::session::Session;
use super::{Smtp, Use};
use crate::check::View;
use crate::finding::{Finding, Severity};
use crate::lookup::{Data, Kind, Reply};
use crate::talk::tls::Secured;

/// The records that senders would ask for; none where DANE has no place.
pub(super) async fn records(probe: &Smtp, view: &View) -> Option<Reply> {
    let host = &probe.service.host;
    let named = probe.purpose == Use::Exchange && crate::lookup::name::is_host(host);
    if !named {
        return None;
    }
    let reply = view.resolver.ask(&format!("_{}._tcp.{host}", probe.service.port), Kind::Tlsa).await;
    (!reply.outcome.records().is_empty()).then_some(reply)
}

/// The rule, where there are records and a certificate.
pub(super) fn look(probe: &Smtp, session: &Session, records: Option<&Reply>) -> Option<Finding> {
    let reply = records?;
    let Some(Ok(secured)) = &session.tls else { return None };
    let subject = probe.service.subject();
    let usable: Vec<(u8, u8, u8, &[u8])> = reply
        .outcome
        .records()
        .iter()
        .filter_map(|record| match &record.data {
            Data::Tlsa { usage: usage @ (2 | 3), selector, matching, data } => Some((*usage, *selector, *matching, data.as_slice())),
            _ => None,
        })
        .collect();
    if usable.is_empty() {
        return None;
    }
    let fits = usable.iter().filter(|record| matches(secured, **record)).count();
    let finding = if fits > 0 {
        Finding::ok("dane.match", subject, format!("The certificate matches {fits} of {} TLSA records", usable.len()))
    } else {
        Finding::problem("dane.match", subject, Severity::Critical, "The certificate matches no TLSA record")
            .means("Senders that use DANE (where the zone is signed) do not deliver: the mail waits and comes back.")
            .fix("Publish `3 1 1` with the SHA-256 of the key that is in use now; at the next renewal publish the new one first.")
    };
    Some(finding.from_reply(reply))
}

fn matches(secured: &Secured, (usage, selector, matching, data): (u8, u8, u8, &[u8])) -> bool {
    // Usage 3 pins the server's own certificate, usage 2 an authority that the server has to show.
    let pinned = if usage == 3 { secured.chain.get(..1) } else { Some(secured.chain.as_slice()) };
    pinned.unwrap_or_default().iter().any(|certificate| {
        let selected = match selector {
            0 => Some(certificate.clone()),
            1 => key_of(certificate),
            _ => None,
        };
        selected.is_some_and(|selected| match matching {
            0 => selected == data,
            1 => digest::digest(&digest::SHA256, &selected).as_ref() == data,
            2 => digest::digest(&digest::SHA512, &selected).as_ref() == data,
            _ => false,
        })
    })
}

/// The public key with its kind, as it stands in the certificate.
fn key_of(certificate: &[u8]) -> Option<Vec<u8>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_are_matched_in_every_form() {
        let key = rcgen::KeyPair::generate().unwrap();
        let der = rcgen::CertificateParams::new(vec!["mail.example.com".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec();
        let spki = key_of(&der).unwrap();
        let secured = Secured { version: String::new(), cipher: String::new(), chain: vec![der.clone()], chained: Ok(()) };
        let sha256 = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
        let sha512 = |bytes: &[u8]| digest::digest(&digest::SHA512, bytes).as_ref().to_vec();
        for (usage, selector, matching, data, fits) in [
            (3, 1, 1, sha256(&spki), true),
            (3, 0, 1, sha256(&der), true),
            (3, 1, 2, sha512(&spki), true),
            (3, 0, 0, der.clone(), true),
            (2, 0, 1, sha256(&der), true),
            (3, 1, 1, sha256(b"another key"), false),
            (3, 0, 1, sha256(&spki), false),
            (3, 2, 1, sha256(&spki), false),
        ] {
            assert_eq!(matches(&secured, (usage, selector, matching, &data)), fits, "{usage} {selector} {matching}");
        }
    }
}
