//! The three heads of a line: RFC 3164, RFC 3339 and RFC 5424.

use chrono::{Datelike, Timelike};
use mailvane_model::Time;

use crate::text::Text;

/// How the head of each line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeadForm {
    /// `Nov  2 08:15:01 mx1 postfix/smtpd[812]: `: local time, neither year nor zone.
    #[default]
    Rfc3164,
    /// `2026-11-02T08:15:01.123456+01:00 mx1 postfix/smtpd[812]: `.
    Rfc3339,
    /// `<22>1 2026-11-02T08:15:01.123456+01:00 mx1 postfix/smtpd 812 - - `.
    Rfc5424,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The syslog priorities of `mail.info` and `mail.warning`.
const MAIL_INFO: u64 = 22;
const MAIL_WARNING: u64 = 20;

/// Writes heads; what is the same for all lines of a second is rendered once.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    form: HeadForm,
    host: String,
    zone_minutes: i32,
    second: i64,
    rendered: Vec<u8>,
}

impl Head {
    pub(crate) fn new(form: HeadForm, host: &str, zone_minutes: i32) -> Self {
        Head { form, host: host.to_owned(), zone_minutes, second: i64::MIN, rendered: Vec::new() }
    }

    /// Appends the head of a line of `program` (without the severity word, which belongs to the text).
    pub(crate) fn write(&mut self, time: Time, program: &str, pid: u32, warning: bool, out: &mut Vec<u8>) {
        if time.seconds() != self.second {
            self.render_second(time);
        }
        match self.form {
            HeadForm::Rfc3164 => {
                out.extend_from_slice(&self.rendered);
            }
            HeadForm::Rfc3339 | HeadForm::Rfc5424 => {
                if self.form == HeadForm::Rfc5424 {
                    out.put("<").number(if warning { MAIL_WARNING } else { MAIL_INFO }).put(">1 ");
                }
                out.extend_from_slice(&self.rendered);
                out.put(".").padded(time.0.rem_euclid(Time::SECOND) as u64, 6);
                self.write_offset(out);
            }
        }
        out.put(" ").put(&self.host).put(" ").put(program);
        match self.form {
            HeadForm::Rfc5424 => out.put(" ").number(u64::from(pid)).put(" - - "),
            _ if pid == 0 => out.put(": "),
            _ => out.put("[").number(u64::from(pid)).put("]: "),
        };
    }

    fn render_second(&mut self, time: Time) {
        self.second = time.seconds();
        let local = time.plus(i64::from(self.zone_minutes) * Time::MINUTE).to_chrono();
        let out = &mut self.rendered;
        out.clear();
        if self.form == HeadForm::Rfc3164 {
            out.put(MONTHS[local.month0() as usize]).put(if local.day() < 10 { "  " } else { " " }).number(u64::from(local.day())).put(" ");
        } else {
            out.padded(local.year().max(0) as u64, 4)
                .put("-")
                .padded(u64::from(local.month()), 2)
                .put("-")
                .padded(u64::from(local.day()), 2)
                .put("T");
        }
        out.padded(u64::from(local.hour()), 2).put(":").padded(u64::from(local.minute()), 2).put(":").padded(u64::from(local.second()), 2);
    }

    fn write_offset(&self, out: &mut Vec<u8>) {
        let minutes = u64::from(self.zone_minutes.unsigned_abs());
        out.put(if self.zone_minutes < 0 { "-" } else { "+" }).padded(minutes / 60, 2).put(":").padded(minutes % 60, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(form: HeadForm, zone: i32) -> String {
        let mut out = Vec::new();
        Head::new(form, "mx1", zone).write(Time(1_793_603_701_000_042), "postfix/smtpd", 812, true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_form_is_written_as_its_standard_says() {
        assert_eq!(head(HeadForm::Rfc3164, 0), "Nov  2 07:15:01 mx1 postfix/smtpd[812]: ");
        assert_eq!(head(HeadForm::Rfc3339, 60), "2026-11-02T08:15:01.000042+01:00 mx1 postfix/smtpd[812]: ");
        assert_eq!(head(HeadForm::Rfc5424, -330), "<20>1 2026-11-02T01:45:01.000042-05:30 mx1 postfix/smtpd 812 - - ");
    }
}
