//! Logging in: never before TLS, not on port 25, and by ways that mail programs know (RFC 4954, RFC 8314).

use super::session::Session;
use super::{Smtp, Use};
use crate::finding::{Finding, Severity};
use crate::service::Encryption;

/// Every rule about AUTH.
pub(super) fn look(probe: &Smtp, session: &Session) -> Vec<Finding> {
    let subject = probe.service.subject();
    let mut findings = Vec::new();
    if probe.service.encryption == Encryption::OnDemand {
        findings.push(in_the_clear(subject, &session.before.logins()));
    }
    let logins = session.offered().logins();
    match probe.purpose {
        Use::Exchange => findings.extend(on_exchange(subject, &logins)),
        _ if session.tls.as_ref().is_some_and(Result::is_ok) => findings.push(offered(subject, &logins)),
        _ => {}
    }
    findings.extend(logged_in(probe, session));
    findings
}

fn in_the_clear(subject: &str, logins: &[String]) -> Finding {
    let open: Vec<&str> = logins.iter().map(String::as_str).filter(|way| matches!(*way, "PLAIN" | "LOGIN")).collect();
    if open.is_empty() {
        return Finding::ok("smtp.auth-clear", subject, "No password is asked for before TLS");
    }
    Finding::problem("smtp.auth-clear", subject, Severity::High, format!("AUTH {} is offered before TLS", open.join(" ")))
        .means("A mail program that is set up wrongly sends its password in the clear, and nobody notices.")
        .fix("Postfix: `smtpd_tls_auth_only = yes`. Exim: `auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}`.")
        .value(logins.to_vec())
}

fn on_exchange(subject: &str, logins: &[String]) -> Option<Finding> {
    (!logins.is_empty()).then(|| {
        Finding::warning("smtp.auth-exchange", subject, Severity::Medium, format!("Port 25 offers AUTH {}", logins.join(" ")))
            .means("Passwords are guessed there all day; users have 465 and 587.")
            .fix("Postfix: `smtpd_sasl_auth_enable = no` in main.cf and `yes` for submission in master.cf.")
    })
}

fn offered(subject: &str, logins: &[String]) -> Finding {
    let known = |way: &str| logins.iter().any(|login| login == way);
    let shown = logins.join(" ");
    let finding = if logins.is_empty() {
        Finding::problem("smtp.auth", subject, Severity::High, "No way to log in is offered")
            .means("Users cannot send.")
            .fix("Postfix: `smtpd_sasl_auth_enable = yes`; is the socket of Dovecot (`smtpd_sasl_path`) there?")
    } else if !known("PLAIN") && !known("LOGIN") && !known("XOAUTH2") && !known("OAUTHBEARER") {
        Finding::warning("smtp.auth", subject, Severity::Medium, format!("Only {shown} is offered to log in"))
            .means("Many mail programs know PLAIN and LOGIN only; within TLS they are safe.")
            .fix("Offer PLAIN and LOGIN within TLS (Dovecot: `auth_mechanisms = plain login`).")
    } else if known("CRAM-MD5") || known("DIGEST-MD5") || known("NTLM") {
        Finding::warning("smtp.auth", subject, Severity::Low, format!("Old ways to log in are offered: {shown}"))
            .means("CRAM-MD5, DIGEST-MD5 and NTLM need passwords stored so that they can be read, and protect nothing within TLS.")
            .fix("Dovecot: `auth_mechanisms = plain login`.")
    } else {
        Finding::ok("smtp.auth", subject, format!("Ways to log in: {shown}"))
    };
    finding.value(logins.to_vec())
}

fn logged_in(probe: &Smtp, session: &Session) -> Option<Finding> {
    let user = &probe.service.login.as_ref()?.user;
    let subject = probe.service.subject();
    let finding = match session.login.as_ref()? {
        Ok(reply) if reply.code == 235 => Finding::ok("smtp.login", subject, format!("{user} can log in")),
        Ok(reply) if reply.is_permanent() => {
            Finding::problem("smtp.login", subject, Severity::High, format!("{user} cannot log in: {reply}"))
                .means("If the password is right, other users cannot log in either.")
                .fix("Check the password; then the log of the authentication service (Dovecot).")
        }
        Ok(reply) => Finding::problem("smtp.login", subject, Severity::High, format!("The login of {user} fails: {reply}"))
            .means("The server says that the fault is its own: nobody can send.")
            .fix("Look into the log of the authentication service (Dovecot, saslauthd)."),
        Err(fault) => Finding::unknown("smtp.login", subject, format!("{user} was not logged in: {fault}")),
    };
    Some(finding)
}
