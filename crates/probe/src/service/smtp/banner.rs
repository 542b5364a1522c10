//! The greeting and the first EHLO (RFC 5321 sections 3.1 and 4.1.1.1).

use super::session::Session;
use super::{Smtp, Use};
use crate::finding::{Finding, Severity};
use crate::lookup::name;
use crate::talk::smtp::Reply;

/// Names of programs that a greeting should not give away with a version.
const PROGRAMS: [&str; 9] = ["postfix", "exim", "sendmail", "opensmtpd", "microsoft esmtp", "stalwart", "haraka", "zimbra", "qmail"];

/// What the greeting says.
pub(super) fn look(probe: &Smtp, session: &Session) -> Vec<Finding> {
    let subject = probe.service.subject();
    let Some(greeting) = &session.greeting else { return vec![silent(probe, session)] };
    if greeting.code != 220 {
        return vec![refused(subject, greeting)];
    }
    let mut findings = vec![Finding::ok("smtp.connect", subject, format!("The server greets: {greeting}")), named(subject, greeting)];
    findings.extend(version(subject, greeting));
    match &session.hello {
        Some(hello) if !hello.is_positive() => findings.push(no_ehlo(subject, hello, session)),
        Some(_) => findings.push(Finding::ok("smtp.ehlo", subject, "EHLO is understood")),
        None => {}
    }
    if let Some(fault) = session.broke.as_ref().filter(|_| !matches!(session.tls, Some(Err(_)))) {
        let title = format!("The conversation broke off: {fault}");
        findings.push(if fault.may_be_ours() {
            Finding::unknown("smtp.session", subject, title)
        } else {
            Finding::problem("smtp.session", subject, Severity::High, title)
                .means("Senders meet the same, and their mail waits.")
                .fix("Look into the server's log at this time: a process that dies, a limit, a policy service.")
        });
    } else {
        findings.push(Finding::ok("smtp.session", subject, "The session ended as it should"));
    }
    findings
}

fn silent(probe: &Smtp, session: &Session) -> Finding {
    let subject = probe.service.subject();
    let fault = session.broke.as_ref().map(ToString::to_string).unwrap_or_default();
    if matches!(session.tls, Some(Err(_))) {
        return Finding::problem("smtp.connect", subject, Severity::High, format!("TLS does not begin: {fault}"))
            .means("Mail programs cannot send.")
            .fix(match probe.purpose {
                Use::Submissions => "Port 465 speaks TLS from the first byte (Postfix: `smtpd_tls_wrappermode=yes` in master.cf).",
                _ => "Look into the server's log.",
            });
    }
    Finding::problem("smtp.connect", subject, Severity::High, format!("The connection opens, but no greeting comes: {fault}"))
        .means("Mail for it waits at the senders and comes back after days.")
        .fix("Look into the server's log: a hung process, a limit of connections, a lookup that times out, or a proxy before it.")
}

fn refused(subject: &str, greeting: &Reply) -> Finding {
    if greeting.is_permanent() {
        Finding::problem("smtp.connect", subject, Severity::High, format!("The server refuses us: {greeting}"))
            .means("If it refuses all, no mail gets in. If only us, its lists name our address.")
            .fix("Read the reply; probe from another machine to see whether it means all.")
    } else {
        Finding::warning("smtp.connect", subject, Severity::Medium, format!("The server takes no mail now: {greeting}"))
            .means("Senders try again later.")
            .fix("Look for limits of connections, a full disk, or a load that is too high.")
    }
}

fn named(subject: &str, greeting: &Reply) -> Finding {
    let text = greeting.text();
    let said = text.split_whitespace().next().unwrap_or_default().to_owned();
    if name::is_host(&name::canonical(&said)) {
        return Finding::ok("smtp.banner", subject, format!("It calls itself {said}")).value([said]);
    }
    Finding::warning("smtp.banner", subject, Severity::Low, format!("The greeting does not begin with a full host name but with `{said}`"))
        .means("RFC 5321 section 4.2: the first word names the server. Some senders note it down against you.")
        .fix("Postfix: `myhostname` (and `smtpd_banner = $myhostname ESMTP`). Exim: `primary_hostname`.")
        .value([said])
}

fn version(subject: &str, greeting: &Reply) -> Option<Finding> {
    let text = greeting.text();
    let lower = text.to_ascii_lowercase();
    let at = PROGRAMS.iter().find_map(|program| lower.find(program).map(|at| at + program.len()))?;
    let next = lower.get(at..)?.trim_start_matches([' ', '(', '/', '-', 'v']);
    let word: String = next.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    (word.contains('.') && word.len() >= 3).then(|| {
        Finding::warning("smtp.version", subject, Severity::Low, format!("The greeting tells everybody the version: {text}"))
            .means("Whoever looks for servers with a known hole finds this one by it.")
            .fix("Postfix: `smtpd_banner = $myhostname ESMTP`. Exim: `smtp_banner = $smtp_active_hostname ESMTP`.")
    })
}

fn no_ehlo(subject: &str, hello: &Reply, session: &Session) -> Finding {
    if session.before.name.is_empty() {
        return Finding::problem("smtp.ehlo", subject, Severity::High, format!("The server takes neither EHLO nor HELO: {hello}"))
            .means("If it refuses all, no mail gets in. If only us, it does not like our name or address.")
            .fix("Read the reply; give another name with --helo.");
    }
    Finding::warning("smtp.ehlo", subject, Severity::High, format!("The server knows HELO only, not EHLO: {hello}"))
        .means("No encryption, no sizes, no login: some firewalls cut it out (`fixup protocol smtp`).")
        .fix("Switch off the inspection of SMTP on the firewall.")
}
