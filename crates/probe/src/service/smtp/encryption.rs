//! STARTTLS and what becomes of it (RFC 3207, RFC 8314, RFC 8996).

use super::session::Session;
use super::{Smtp, Use};
use crate::finding::{Finding, Severity};
use crate::service::Encryption;
use crate::talk::old_tls::Answer;

/// Every rule about encryption but the certificate.
pub(super) fn look(probe: &Smtp, session: &Session) -> Vec<Finding> {
    let subject = probe.service.subject();
    let mut findings = vec![offered(probe, session)];
    if session.smuggled == Some(true) {
        findings.push(
            Finding::problem("smtp.injection", subject, Severity::High, "A command sent before TLS is carried out within it")
                .means("Somebody on the way can put commands into an encrypted session (CVE-2011-0411).")
                .fix("Update the server, or the proxy that ends TLS before it."),
        );
    } else if session.smuggled == Some(false) {
        findings.push(Finding::ok("smtp.injection", subject, "Commands from before TLS are dropped"));
    }
    findings.extend(session.old_tls.as_ref().map(|answer| old(subject, answer)));
    findings
}

/// A server that still speaks a banned version.
pub(crate) fn old(subject: &str, answer: &Answer) -> Finding {
    match answer {
        Answer::Refused => Finding::ok("tls.old", subject, "TLS 1.0 and 1.1 are refused"),
        Answer::Accepted(version) => {
            Finding::warning("tls.old", subject, Severity::Medium, format!("The server still speaks {version}"))
                .means("RFC 8996 bans it; audits count it against you.")
                .fix("Postfix: `smtpd_tls_protocols = >=TLSv1.2` and `smtpd_tls_mandatory_protocols = >=TLSv1.2`. Dovecot: `ssl_min_protocol = TLSv1.2`.")
        }
    }
}

fn offered(probe: &Smtp, session: &Session) -> Finding {
    let subject = probe.service.subject();
    let means = match probe.purpose {
        Use::Exchange => "Mail comes in the clear, and senders that insist on TLS (MTA-STS, DANE, many companies) do not deliver.",
        _ => "Passwords go over the network in the clear, or mail programs refuse to send.",
    };
    match (&session.tls, &session.starttls) {
        (Some(Ok(secured)), _) => {
            Finding::ok("smtp.starttls", subject, format!("{} with {}", secured.version, secured.cipher)).value([secured.version.clone()])
        }
        (Some(Err(fault)), _) if fault.may_be_ours() => {
            Finding::unknown("smtp.starttls", subject, format!("Whether TLS works was not seen: {fault}"))
        }
        (Some(Err(fault)), _) => {
            Finding::problem("smtp.starttls", subject, Severity::High, format!("TLS is announced, but does not work: {fault}"))
                .means(means)
                .fix("Look into the server's log: a certificate or key that cannot be read, or versions of TLS that are too old.")
        }
        (None, Some(reply)) => {
            Finding::problem("smtp.starttls", subject, Severity::High, format!("STARTTLS is announced and then refused: {reply}"))
                .means(means)
                .fix("Look into the server's log: often the certificate or its key cannot be read.")
        }
        (None, None) if probe.service.encryption == Encryption::OnDemand => {
            Finding::problem("smtp.starttls", subject, Severity::High, "STARTTLS is not offered")
                .means(means)
                .fix("Postfix: `smtpd_tls_security_level = may` (587: `encrypt`) with `smtpd_tls_chain_files`; does a firewall cut it out?")
        }
        (None, None) => Finding::unknown("smtp.starttls", subject, "TLS was not seen"),
    }
}
