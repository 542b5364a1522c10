//! One file (or folder) per MTA, and the choice between them by the program of a line.

pub mod dovecot;
pub mod exim;
pub mod opensmtpd;
pub mod postfix;
pub mod sendmail;

use mailvane_model::word::Mta;

use crate::record::{Body, Record};
use crate::syntax::{number, skip_blanks};

/// Reads the message of a line into its record, whose head is filled.
#[inline(never)]
pub(crate) fn read<'a>(message: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    let may_repeat = message.starts_with(b"message repeated ") || message.starts_with(b"last message repeated ");
    if may_repeat && repeated(message, forced, record).is_some() {
        return;
    }
    by_program(message, forced, record);
}

#[inline(always)]
fn by_program<'a>(message: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    let program = record.program;
    let tag = match forced {
        None => postfix::tag(program),
        Some(Mta::Postfix) => {
            let others = || dovecot::is_program(program, message) || exim::is_program(program);
            postfix::tag(program).or_else(|| (!others()).then(|| postfix::tag_of(program)))
        }
        Some(Mta::Sendmail) => return sendmail::read(message, record),
        Some(Mta::OpenSmtpd) => return opensmtpd::read(message, record),
        Some(_) => None,
    };
    if let Some(tag) = tag {
        postfix::read(tag, message, record);
    } else {
        others(message, forced, record);
    }
}

/// The lines of everybody but Postfix, whose tag is looked at first.
#[inline(never)]
fn others<'a>(message: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    let program = record.program;
    if exim::is_program(program) || forced == Some(Mta::Exim) && !dovecot::is_program(program, message) {
        exim::read(message, record);
    } else if sendmail::is_program(program) {
        sendmail::read(message, record);
    } else if opensmtpd::is_program(program) {
        opensmtpd::read(message, record);
    } else if dovecot::is_program(program, message) {
        dovecot::read(message, record);
    } else {
        record.body = Body::Ignored;
    }
}

/// `message repeated 3 times: [ message]` of rsyslog and `last message repeated 3 times` of older daemons.
fn repeated<'a>(message: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) -> Option<()> {
    let text = message.strip_prefix(b"last ").unwrap_or(message);
    let (times, rest) = number(text.strip_prefix(b"message repeated ")?)?;
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    let rest = rest.strip_prefix(b" time")?;
    let rest = rest.strip_prefix(b"s").unwrap_or(rest);
    match rest.strip_prefix(b": [") {
        Some(inner) => {
            let inner = inner.strip_suffix(b"]").unwrap_or(inner);
            inner_message(skip_blanks(inner), forced, record);
            record.repeated = times;
        }
        None => record.body = Body::Repeated { times },
    }
    Some(())
}

/// Kept apart, so that the usual way is one run of code.
#[inline(never)]
fn inner_message<'a>(message: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    by_program(message, forced, record);
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    #[test]
    fn no_other_mta_makes_a_record_larger() {
        let largest = size_of::<postfix::Line<'_>>();
        assert!(size_of::<sendmail::Line<'_>>() <= largest, "{} of {largest}", size_of::<sendmail::Line<'_>>());
        assert!(size_of::<opensmtpd::Line<'_>>() <= largest, "{} of {largest}", size_of::<opensmtpd::Line<'_>>());
    }
}
