//! The daemon, queue runs, and trouble of this host.

use super::Event;
use crate::record::Severity;
use crate::syntax::split_at;

/// The event of a line about the daemon or the host.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    lifecycle(text).or_else(|| known(text)).or_else(|| is_trouble(text).then_some(Event::Trouble { text }))
}

fn lifecycle(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"exim ").or_else(|| text.strip_prefix(b"Exim "))
        && let Some((version, _)) = split_at(rest, b" daemon started")
    {
        return Some(Event::Lifecycle { what: text, version });
    }
    let known = [&b"Start queue run: "[..], b"End queue run: ", b"SIGHUP received", b"daemon: ", b"listening "]
        .iter()
        .any(|start| text.starts_with(start))
        || text.starts_with(b"pid ") && memchr::memmem::find(text, b"SIGHUP received").is_some()
        || text.starts_with(b"exim user lost privilege");
    known.then_some(Event::Lifecycle { what: text, version: b"" })
}

/// Known lines for the reader, and lines without use.
fn known(text: &[u8]) -> Option<Event<'_>> {
    // What a program was started with (`log_selector = +arguments`).
    if text.starts_with(b"cwd=") || memchr::memmem::find(text, b" args: ").is_some_and(|at| at < 60) {
        return Some(Event::Ignored);
    }
    const NOTES: &[&[u8]] = &[
        b"Warning: ",
        b"host name alias list truncated",
        b"ident connection to ",
        b"ignoring AUTH=",
        b"tls_in_",
        b"DKIM: ",
        b"TLS session: ",
        b"Authentication-Results: ",
        b"listen backlog ",
        b"EHLO/HELO response must not contain newlines",
    ];
    NOTES.iter().any(|start| text.starts_with(start)).then_some(Event::Note { text })
}

/// What shows that something is wrong on this host: nobody but Exim and the operator's own ACLs write these lines.
fn is_trouble(text: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"Failed ",
        b"failed ",
        b"Cannot ",
        b"cannot ",
        b"Unable ",
        b"unable ",
        b"Tainted ",
        b"Error ",
        b"error ",
        b"Exim configuration error",
        b"could not ",
        b"Could not ",
        b"WARNING: ",
        b"*** ",
        b"socket bind() to port",
        b"not enough ",
        b"exim: could not ",
        b"ALERT: ",
        b"ACL for ",
        b"retry record exists",
        b"daemon abandoned",
        b"malware acl condition: ",
        b"spam acl condition: ",
        b"ratelimit: ",
        b"no space ",
        b"process ",
        b"queue run: process ",
        b"expansion of ",
        b"home directory ",
        b"bounce_message_file ",
        b"re-exec of ",
        b"internal scanner error",
        b"failure ",
        b"Missing ",
        b"string_sprintf expansion",
        b"Rotating",
        b"too many open files",
    ];
    const INSIDE: &[&[u8]] = &[
        b"Permission denied",
        b"No space left on device",
        b"Too many open files",
        b"Cannot allocate memory",
        b"transport process returned non-zero status",
        b"lost privilege",
        b"spool space",
        b"No such file or directory",
        b"is not absolute after expansion",
        b"crashed with signal",
        b"Operation not permitted",
        b"Read-only file system",
    ];
    STARTS.iter().any(|start| text.starts_with(start)) || INSIDE.iter().any(|inside| memchr::memmem::find(text, inside).is_some())
}

/// How grave a trouble is: Exim writes no word for it.
pub(super) fn severity(text: &[u8]) -> Severity {
    const GRAVE: &[&[u8]] = &[
        b"Exim configuration error",
        b"daemon abandoned",
        b"No space left on device",
        b"Read-only file system",
        b"Cannot open main log",
        b"Failed to create spool file",
        b"socket bind() to port",
        b"not enough memory",
    ];
    if GRAVE.iter().any(|grave| memchr::memmem::find(text, grave).is_some()) { Severity::Error } else { Severity::Warning }
}
