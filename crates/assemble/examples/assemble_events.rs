//! Prints the events of log files as JSON lines, all files read as one origin: a short way to look at what assembly makes of a log.
//! The first argument `events` is skipped, so that it can stand in for `mailvane` where only its `events` is asked.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::fmt::Write as _;

use mailvane_assemble::{Assembler, Config};
use mailvane_model::{AttemptRow, AuthRow, FileId, MessageRow, NoticeRow, OutcomeRow, Position, RejectionRow, SessionRow, Sink, Time};
use mailvane_parse::calendar::{Calendar, Zone};

#[derive(Default)]
struct Printer;

struct Object(String);

impl Object {
    fn new(kind: &str) -> Self {
        Object(format!("{{\"kind\":\"{kind}\""))
    }
    fn text(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            write!(self.0, ",\"{key}\":\"").unwrap();
            for character in value.chars() {
                match character {
                    '"' | '\\' => write!(self.0, "\\{character}").unwrap(),
                    character if character < ' ' => write!(self.0, "\\u{:04x}", character as u32).unwrap(),
                    character => self.0.push(character),
                }
            }
            self.0.push('"');
        }
        self
    }
    fn number(mut self, key: &str, value: u64) -> Self {
        if value != 0 || key == "deferrals" || key == "attempts" || key == "rev" {
            write!(self.0, ",\"{key}\":{value}").unwrap();
        }
        self
    }
    fn print(self) {
        println!("{}}}", self.0);
    }
}

impl Sink for Printer {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        Object::new("message")
            .number("rev", row.rev.into())
            .text("time", &row.time.rfc3339(0))
            .text("queue_id", row.queue_id)
            .text("message_id", row.message_id)
            .text("sender", &row.sender.to_string())
            .text("client_ip", row.client_ip)
            .text("direction", row.direction.word())
            .text("population", row.population.word())
            .number("previous_hop", row.previous_hop)
            .number("next_hop", row.next_hop)
            .number("id", row.id)
            .number("chain", row.chain)
            .number("bounce_of", if row.rev == 0 || row.removed.is_none() { row.bounce_of } else { 0 })
            .text("removed", &row.removed.map_or(String::new(), |time| time.rfc3339(0)))
            .print();
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        Object::new("attempt")
            .text("queue_id", row.queue_id)
            .text("recipient", &row.recipient.to_string())
            .text("orig_recipient", &row.orig_recipient.to_string())
            .text("status", row.status.word())
            .text("handed_to", row.handed_to.word())
            .text("direction", row.direction.word())
            .text("reason", row.reason.map_or("", |reason| reason.word()))
            .text("tls_version", row.tls_version)
            .text("relay_host", row.relay_host)
            .text("provider", row.provider)
            .print();
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        Object::new("outcome")
            .number("rev", row.rev.into())
            .number("replaced", u64::from(replaced.is_some()))
            .text("queue_id", row.queue_id)
            .text("last_queue_id", row.last_queue_id)
            .text("message_id", row.message_id)
            .text("sender", &row.sender.to_string())
            .text("recipient", &row.recipient.to_string())
            .text("orig_recipient", &row.orig_recipient.to_string())
            .text("outcome", row.outcome.word())
            .text("direction", row.direction.word())
            .text("population", row.population.word())
            .text("handed_to", row.handed_to.word())
            .number("attempts", row.attempts.into())
            .number("deferrals", row.deferrals.into())
            .number("reply_code", row.reply_code.into())
            .text("enhanced_code", row.enhanced_code)
            .text("relay_host", row.relay_host)
            .text("relay_ip", row.relay_ip)
            .text("reason", row.reason.map_or("", |reason| reason.word()))
            .text("note", row.note)
            .print();
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        Object::new("rejection")
            .text("queue_id", row.queue_id)
            .text("client_ip", row.client_ip)
            .text("stage", row.stage.word())
            .text("action", row.action.word())
            .text("reason", row.reason.word())
            .text("recipient", &row.recipient.to_string())
            .text("reply_text", row.reply_text)
            .print();
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        Object::new("auth")
            .text("user", row.user)
            .text("result", row.result.word())
            .text("client_ip", row.client_ip)
            .text("method", row.method)
            .print();
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        Object::new("session")
            .text("client_ip", row.client_ip)
            .text("tls", row.tls)
            .text("commands", row.commands)
            .text("lost_after", row.lost_after.word())
            .print();
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        Object::new("notice").text("level", row.level.word()).text("daemon", row.daemon).text("text", row.text).print();
    }
}

fn main() {
    let mut assembler = Assembler::new(Config::default());
    let mut printer = Printer;
    for (number, path) in (1..).zip(std::env::args().skip(1).filter(|argument| argument != "events")) {
        let bytes = std::fs::read(&path).unwrap();
        let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
        let mut offset = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record = mailvane_parse::head::record(line);
            if let Some((time, _)) = calendar.resolve(record.when) {
                let time: Time = time;
                assembler.record("range", Position { file: FileId(number), offset }, time, &record, &mut printer);
            }
            offset += line.len() as u64;
        }
    }
    assembler.finish(&mut printer);
    eprintln!("{:?}", assembler.statistics());
    eprintln!("{:#?}", assembler.ours());
}
