//! Everything understood of a line, by name: for `mailvane records`, and for whoever wants to see what a parser saw.
//! Time, host, program, process id and queue id are fields of [`Record`] and are not told again.

mod exim;
mod opensmtpd;
mod peer;
mod postfix;
mod reply;
mod sendmail;
mod session;

use crate::mta::dovecot;
use crate::mta::sendmail::Recipients;
use crate::record::{Body, Record, Severity};

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// A text as written.
    Text(&'a [u8]),
    /// A whole number.
    Number(i64),
    /// A number with a fraction, such as seconds.
    Decimal(f64),
    /// Several texts: the recipients of one line.
    Texts(Recipients<'a>),
    /// Several texts with a blank between each two.
    Words(&'a [u8]),
}

/// Where fields go. Empty texts are left out: absent and empty are the same to a reader.
pub(crate) struct See<'s> {
    see: &'s mut dyn FnMut(&'static str, Field<'_>),
}

impl See<'_> {
    pub(crate) fn text(&mut self, name: &'static str, text: &[u8]) {
        if !text.is_empty() {
            (self.see)(name, Field::Text(text));
        }
    }

    /// A text that may be empty on purpose, such as a null sender.
    pub(crate) fn even_empty(&mut self, name: &'static str, text: Option<&[u8]>) {
        if let Some(text) = text {
            (self.see)(name, Field::Text(text));
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, number: impl TryInto<i64>) {
        (self.see)(name, Field::Number(number.try_into().unwrap_or(i64::MAX)));
    }

    pub(crate) fn decimal(&mut self, name: &'static str, number: f64) {
        (self.see)(name, Field::Decimal(number));
    }

    /// Digits as a number; anything else is left out.
    pub(crate) fn digits(&mut self, name: &'static str, text: &[u8]) {
        if let Some(number) = crate::syntax::whole_number(text) {
            self.number(name, number);
        }
    }
}

impl Record<'_> {
    /// Calls `see` with the name and value of every field understood.
    pub fn visit(&self, see: &mut dyn FnMut(&'static str, Field<'_>)) {
        let mut see = See { see };
        match self.severity {
            Severity::Info => {}
            Severity::Warning => see.text("severity", b"warning"),
            Severity::Error => see.text("severity", b"error"),
            Severity::Fatal => see.text("severity", b"fatal"),
            Severity::Panic => see.text("severity", b"panic"),
        }
        if self.repeated > 0 {
            see.number("repeated", self.repeated);
        }
        match &self.body {
            Body::Empty | Body::Ignored | Body::Unparsed => {}
            Body::Repeated { times } => see.number("repeated", *times),
            Body::Postfix(line) => postfix::line(line, &mut see),
            Body::Exim(line) => exim::line(line, &mut see),
            Body::Dovecot(line) => dovecot_line(line, &mut see),
            Body::Sendmail(line) => sendmail::line(line, &mut see),
            Body::OpenSmtpd(line) => opensmtpd::line(line, &mut see),
        }
    }

    /// The kind of the record in one word; `unparsed` for a line that is not known.
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Empty => "empty",
            Body::Ignored => "ignored",
            Body::Repeated { .. } => "repeated",
            Body::Postfix(line) => postfix::kind(&line.event),
            Body::Exim(line) => exim::kind(&line.event),
            Body::Dovecot(line) => match line.event {
                dovecot::Event::Ignored => "ignored",
                dovecot::Event::Login { .. } => "login",
                dovecot::Event::LoginFailed { .. } => "login_failed",
                dovecot::Event::Denied { .. } => "login_denied",
            },
            Body::Sendmail(line) => sendmail::kind(&line.event),
            Body::OpenSmtpd(line) => opensmtpd::kind(&line.event),
            Body::Unparsed => "unparsed",
        }
    }

    /// The queue id of the line; empty where it has none. OpenSMTPD's is the id of the message, of which an envelope id is an extension.
    pub fn queue_id(&self) -> &[u8] {
        match &self.body {
            Body::Postfix(line) => line.queue_id.unwrap_or_default(),
            Body::Exim(line) => line.message_id.unwrap_or_default(),
            Body::Sendmail(line) => line.queue_id.unwrap_or_default(),
            Body::OpenSmtpd(line) => line.message(),
            _ => b"",
        }
    }
}

fn dovecot_line(line: &dovecot::Line<'_>, see: &mut See<'_>) {
    see.text("service", line.service);
    match line.event {
        dovecot::Event::Ignored => {}
        dovecot::Event::Login { user, method, client_ip } => {
            see.text("user", user);
            see.text("method", method);
            see.text("client_ip", client_ip);
        }
        dovecot::Event::LoginFailed { user, method, client_ip, attempts, text } => {
            see.text("user", user);
            see.text("method", method);
            see.text("client_ip", client_ip);
            see.number("attempts", attempts);
            see.text("text", text);
        }
        dovecot::Event::Denied { user, client_ip, text } => {
            see.text("user", user);
            see.text("client_ip", client_ip);
            see.text("text", text);
        }
    }
}
