//! Lives on the terminal, and as JSON.

use anyhow::Result;
use chrono_tz::Tz;
use mailvane_model::Time;
use mailvane_model::row::{AttemptRow, MessageRow};
use mailvane_model::word::Status;
use mailvane_render::sentence::{self, Clock};
use mailvane_reply::provider::Providers;

use super::gather::Life;
use super::lines::Lines;
use crate::command::output::Output;
use crate::command::report::offset_minutes;
use crate::json::event::{self, Context};
use crate::json::object::{Object, string};
use crate::json::report::list;
use crate::pipeline::files::{Job, Reading};

/// Prints everything found in files; in words what was searched when there is nothing.
pub(super) fn print(lives: &[Life], lines: &Lines, reading: &Reading, job: &Job, searched: &str, json: bool) -> Result<()> {
    let mut output = Output::new(std::io::stdout().lock());
    let clock = Clock { zone: job.zone, today: job.now };
    write(&mut output.buffer, lives, lines, &clock, json);
    if lives.is_empty() && !json {
        output.buffer.extend_from_slice(nothing(reading, job.zone, searched).as_bytes());
        output.end_line();
    }
    output.finish()?;
    Ok(())
}

/// Writes everything found.
pub(super) fn write(out: &mut Vec<u8>, lives: &[Life], lines: &Lines, clock: &Clock<Tz>, json: bool) {
    let providers = &crate::rules::current().providers;
    for life in lives {
        if json {
            as_json(out, life, lines, clock.zone);
        } else {
            out.extend_from_slice(as_text(life, lines, clock, providers).as_bytes());
        }
        out.push(b'\n');
    }
}

fn nothing(reading: &Reading, zone: Tz, searched: &str) -> String {
    let counts = reading.tally.coverage.total;
    let names: Vec<String> = reading.files.iter().map(|path| path.display().to_string()).collect();
    let time = |time: Option<Time>| {
        time.map_or("?".to_owned(), |time| time.to_chrono().with_timezone(&zone).format("%-d %b %Y %H:%M:%S").to_string())
    };
    let understood = if counts.lines() == 0 {
        "-".to_owned()
    } else {
        format!("{:.1} %", 100.0 * (counts.lines() - counts.unparsed) as f64 / counts.lines() as f64)
    };
    format!(
        "no trace of {searched} in {} from {} to {}, {understood} of {} lines understood: it never reached this server, or came before",
        names.join(", "),
        time(reading.tally.first),
        time(reading.tally.last),
        counts.lines()
    )
}

fn as_text(life: &Life, lines: &Lines, clock: &Clock<Tz>, providers: &Providers) -> String {
    let mut text = String::new();
    for row in life.rows.rejections.iter() {
        text.push_str(&format!("Refused: from {} to {}, client {}[{}]\n", row.sender, row.recipient, row.client_name, row.client_ip));
        text.push_str(&format!("  {}\n", sentence::rejection(&row, clock)));
    }
    let mut hops: Vec<MessageRow<'_>> = life.rows.messages.iter().collect();
    hops.sort_by_key(|hop| (hop.time, hop.previous_hop != 0));
    if let Some(first) = hops.first() {
        let sender = if first.sender.is_unknown() { "(unknown sender)".to_owned() } else { first.sender.to_string() };
        text.push_str(&format!("Message {} from {sender} {}\n", first.queue_id, first.message_id));
    }
    for row in life.rows.outcomes.iter() {
        let recipient = if row.recipient.is_unknown() { "(a recipient that no line names)".to_owned() } else { row.recipient.to_string() };
        text.push_str(&format!("  {recipient}: {}\n", sentence::outcome(&row, providers.name(row.provider), clock)));
    }
    for (number, hop) in hops.iter().enumerate() {
        text.push_str(&hop_text(number + 1, hop, life, clock.zone));
    }
    let lines = lines.of(life.positions());
    text.push_str(if lines.is_empty() { "  its lines are in no log any more\n" } else { "  lines\n" });
    for line in lines {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

fn hop_text(number: usize, hop: &MessageRow<'_>, life: &Life, zone: Tz) -> String {
    let time = |time: Time| time.to_chrono().with_timezone(&zone).format("%-d %b %H:%M:%S").to_string();
    let from = match (hop.client_name, hop.client_ip) {
        ("", "") => String::new(),
        (name, ip) => format!(", from {name}[{ip}]"),
    };
    let user = if hop.sasl_user.is_empty() { String::new() } else { format!(", user {}", hop.sasl_user) };
    let size = hop.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
    let instance = if hop.stream.instance.is_empty() { String::new() } else { format!(" {}", hop.stream.instance) };
    let removed = hop.removed.map_or(", still open".to_owned(), |removed| format!(", done {}", time(removed)));
    let mut text =
        format!("  hop {number}: {}{instance} {}, arrived {}{from}{user}{size}{removed}\n", hop.stream.host, hop.queue_id, time(hop.time));
    for attempt in life.rows.attempts.iter().filter(|attempt| attempt.message == hop.id) {
        text.push_str(&attempt_text(&attempt, &time(attempt.time)));
    }
    text
}

fn attempt_text(row: &AttemptRow<'_>, time: &str) -> String {
    let relay = match (row.relay_host, row.relay_ip, row.relay_port) {
        ("", "", _) => String::new(),
        (host, "", _) => format!(" by {host}"),
        (host, ip, 0) => format!(" by {host}[{ip}]"),
        (host, ip, port) => format!(" by {host}[{ip}]:{port}"),
    };
    let done = match row.status {
        Status::InternalHop => "passed on inside",
        status => status.word(),
    };
    let reason = row.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let delay = row.delay_ms.map(|delay| format!(", after {} s", f64::from(delay) / 1000.0)).unwrap_or_default();
    format!("    {time} try {} for {}: {done}{relay}{delay}{reason}: {}\n", row.attempt, row.recipient, row.reply_text)
}

fn as_json(out: &mut Vec<u8>, life: &Life, lines: &Lines, zone: Tz) {
    let source =
        life.positions().next().and_then(|position| lines.file(position.file)).map(|path| path.display().to_string()).unwrap_or_default();
    let context = Context { source: &source, offset_minutes: offset_minutes(zone, life.time) };
    let rows = &life.rows;
    let mut object = Object::open(out);
    object
        .value("hops", |out| list(out, rows.messages.iter(), |out, row| event::message(out, &row, &context)))
        .value("attempts", |out| list(out, rows.attempts.iter(), |out, row| event::attempt(out, &row, &context)))
        .value("outcomes", |out| list(out, rows.outcomes.iter(), |out, row| event::outcome(out, &row, &context)))
        .value("rejections", |out| list(out, rows.rejections.iter(), |out, row| event::rejection(out, &row, &context)))
        .value("lines", |out| list(out, lines.of(life.positions()), string));
    object.close();
}
