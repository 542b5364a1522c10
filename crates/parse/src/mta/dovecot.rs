//! The lines of Dovecot that concern mail servers: logins of submission and mailbox users, and their failures.
//!
//! Through syslog a line is `dovecot: service: text`; in a log file of its own it is `service: Level: text`.

use crate::record::{Body, Record};
use crate::syntax::{number, split_at};

/// A Dovecot line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// The service: `imap-login`, `submission-login`, `auth`, `lmtp`.
    pub service: &'a [u8],
    /// What it says.
    pub event: Event<'a>,
}

/// What a Dovecot line says. Fields are as written; absent ones are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The names of fields are those of the text above them.
pub enum Event<'a> {
    /// A known line without use for us: its record is [`Body::Ignored`].
    #[default]
    Ignored,
    /// `Login: user=<u>, method=PLAIN, rip=A, ...`
    Login { user: &'a [u8], method: &'a [u8], client_ip: &'a [u8] },
    /// A session that ended without a login: `Disconnected (auth failed, 2 attempts): user=<u>, method=PLAIN, rip=A`. `attempts` is
    /// 0 where none was made or counted.
    LoginFailed { user: &'a [u8], method: &'a [u8], client_ip: &'a [u8], attempts: u32, text: &'a [u8] },
    /// The backend's word on one attempt: `sql(u,A): Password mismatch`. The session's own line follows and counts it.
    Denied { user: &'a [u8], client_ip: &'a [u8], text: &'a [u8] },
}

/// The levels of Dovecot's own log files.
const LEVELS: &[&[u8]] = &[b"Info: ", b"Warning: ", b"Error: ", b"Fatal: ", b"Panic: ", b"Debug: ", b"Warn: "];

/// Whether a line is Dovecot's: by its program, or by the form of its own log file.
#[inline]
pub(crate) fn is_program(program: &[u8], message: &[u8]) -> bool {
    if program.starts_with(b"dovecot") {
        return true;
    }
    let service = service_name(program);
    if is_service(service) {
        return LEVELS.iter().any(|level| message.starts_with(level)) || message.starts_with(b"pam_unix(dovecot");
    }
    // Some versions write the level before the service.
    LEVELS.iter().any(|level| level.strip_suffix(b": ") == Some(program)) && is_service(service_name(message))
}

/// `auth-worker` of `auth-worker(2240)<1><x>`.
fn service_name(program: &[u8]) -> &[u8] {
    let end = program.iter().position(|byte| matches!(byte, b'(' | b'<' | b':')).unwrap_or(program.len());
    &program[..end]
}

fn is_service(word: &[u8]) -> bool {
    word.ends_with(b"-login")
        || matches!(
            word,
            b"auth"
                | b"auth-worker"
                | b"master"
                | b"lmtp"
                | b"imap"
                | b"pop3"
                | b"managesieve"
                | b"submission"
                | b"lda"
                | b"stats"
                | b"config"
                | b"anvil"
                | b"log"
                | b"doveadm"
                | b"indexer-worker"
                | b"IMAP"
                | b"POP3"
        )
}

/// Reads the message of a Dovecot line into its record, whose head is filled.
pub(crate) fn read<'a>(message: &'a [u8], record: &mut Record<'a>) {
    let (service, text) = if record.program.starts_with(b"dovecot-") || is_service(service_name(record.program)) {
        (record.program, message)
    } else {
        split_at(message, b": ").unwrap_or((b"", message))
    };
    let text = LEVELS.iter().find_map(|level| text.strip_prefix(*level)).unwrap_or(text);
    let service_word = service_name(service);
    let event = if service_word.ends_with(b"-login") {
        login(text)
    } else {
        denied(text).or_else(|| pam_unix(text)).or_else(|| denied_in_service(service, text)).unwrap_or(Event::Ignored)
    };
    record.body = if event == Event::Ignored { Body::Ignored } else { Body::Dovecot(Line { service: service_word, event }) };
}

/// A line of a login service.
fn login(text: &[u8]) -> Event<'_> {
    let Some(client_ip) = value(text, b"rip=") else { return Event::Ignored };
    let user = split_at(text, b"user=<").and_then(|(_, rest)| split_at(rest, b">")).map_or(&b""[..], |(user, _)| user);
    let method = value(text, b"method=").unwrap_or(b"");
    if text.starts_with(b"Login: ") {
        return Event::Login { user, method, client_ip };
    }
    let attempts = split_at(text, b"(auth failed, ")
        .and_then(|(_, rest)| number(rest))
        .map_or(0, |(count, _)| u32::try_from(count).unwrap_or(u32::MAX));
    let before = split_at(text, b"user=<")
        .or_else(|| split_at(text, b"method="))
        .or_else(|| split_at(text, b"rip="))
        .map_or(text, |(before, _)| before);
    let reason = before.strip_suffix(b": ").unwrap_or(before);
    Event::LoginFailed { user, method, client_ip, attempts, text: reason }
}

/// The value of `key=` at the start or after a blank, up to a comma or a blank.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut from = 0;
    loop {
        let at = from + memchr::memmem::find(&text[from..], key)?;
        let rest = &text[at + key.len()..];
        if at == 0 || text[at - 1] == b' ' {
            let end = rest.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
            return Some(&rest[..end]);
        }
        from = at + key.len();
    }
}

/// `driver(user,address[,<session>]): reason`, perhaps after words about the connection to the worker.
fn denied(text: &[u8]) -> Option<Event<'_>> {
    let mut rest = text;
    loop {
        let (before, after) = split_at(rest, b"): ")?;
        if let Some(open) = memchr::memchr(b'(', before)
            && let Some((user, client_ip)) = user_and_address(&before[open + 1..])
            && is_denial(after)
        {
            return Some(Event::Denied { user, client_ip, text: after });
        }
        rest = after;
    }
}

/// `auth(user,address,sasl:login)<session>`: newer versions name the user in the service.
fn denied_in_service<'a>(service: &'a [u8], text: &'a [u8]) -> Option<Event<'a>> {
    let (_, inside) = split_at(service, b"(")?;
    let (user, client_ip) = user_and_address(split_at(inside, b")")?.0)?;
    is_denial(text).then_some(Event::Denied { user, client_ip, text })
}

fn user_and_address(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (user, rest) = split_at(text, b",")?;
    let address = split_at(rest, b",").map_or(rest, |(address, _)| address);
    let looks = !address.is_empty() && address.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
    looks.then_some((user, address))
}

fn is_denial(text: &[u8]) -> bool {
    const DENIALS: &[&[u8]] = &[
        b"unknown user",
        b"assword mismatch",
        b"pam_authenticate() failed",
        b"invalid credentials",
        b"user not found",
        b"Authentication failure",
    ];
    DENIALS.iter().any(|denial| memchr::memmem::find(text, denial).is_some())
}

/// `pam_unix(dovecot:auth): authentication failure; ... rhost=A user=u`
fn pam_unix(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"pam_unix(dovecot:auth): ")?;
    let client_ip = value(rest, b"rhost=")?;
    let user = value(rest, b"user=").or_else(|| value(rest, b"ruser=")).unwrap_or(b"");
    Some(Event::Denied { user, client_ip, text: split_at(rest, b";").map_or(rest, |(reason, _)| reason) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    fn event(line: &str) -> Event<'_> {
        match record(line.as_bytes()).body {
            Body::Dovecot(line) => line.event,
            body => panic!("not a Dovecot line: {body:?}"),
        }
    }

    #[test]
    fn reads_logins_and_failures() {
        assert_eq!(
            event("Nov  2 08:15:01 mx1 dovecot: submission-login: Login: user=<joe>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, TLS"),
            Event::Login { user: b"joe", method: b"PLAIN", client_ip: b"192.0.2.7" }
        );
        assert_eq!(
            event(
                "Nov  2 08:15:01 mx1 dovecot[7]: imap-login: Disconnected: Inactivity (auth failed, 3 attempts in 9 secs): user=<joe>, method=LOGIN, rip=2001:db8::7, lip=::1"
            ),
            Event::LoginFailed {
                user: b"joe",
                method: b"LOGIN",
                client_ip: b"2001:db8::7",
                attempts: 3,
                text: b"Disconnected: Inactivity (auth failed, 3 attempts in 9 secs)"
            }
        );
        assert_eq!(
            event("Nov 2 08:15:01 pop3-login: Info: Disconnected (no auth attempts): rip=192.0.2.7, lip=192.0.2.1"),
            Event::LoginFailed { user: b"", method: b"", client_ip: b"192.0.2.7", attempts: 0, text: b"Disconnected (no auth attempts)" }
        );
    }

    #[test]
    fn reads_what_backends_say() {
        let denied = |line| match event(line) {
            Event::Denied { user, client_ip, .. } => (user, client_ip),
            event => panic!("not a denial: {event:?}"),
        };
        assert_eq!(
            denied("Nov  2 08:15:01 mx1 dovecot: auth-worker(30): sql(a@example.com,192.0.2.7,<x>): Password mismatch"),
            (&b"a@example.com"[..], &b"192.0.2.7"[..])
        );
        assert_eq!(
            denied(
                "Nov 2 08:15:01 auth-worker(80): Info: conn unix:auth-worker (uid=143): auth-worker<13>: pam(joe,192.0.2.6): unknown user"
            ),
            (&b"joe"[..], &b"192.0.2.6"[..])
        );
        assert_eq!(
            denied("Nov 2 08:15:01 auth(i@example.com,192.0.2.11,sasl:login)<CvN>: Info: sql: Password mismatch"),
            (&b"i@example.com"[..], &b"192.0.2.11"[..])
        );
        assert_eq!(
            denied(
                "@400000004c91b044077a9e94 dovecot-auth: pam_unix(dovecot:auth): authentication failure; ruser=rhost=192.0.2.1 rhost=192.0.2.2  user=root"
            ),
            (&b"root"[..], &b"192.0.2.2"[..])
        );
    }
}
