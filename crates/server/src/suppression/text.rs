//! The list for the terminal.

use std::fmt::Write;

use chrono::TimeZone;
use chrono_tz::Tz;
use mailvane_model::Time;
use mailvane_reply::ledger::{Entry, Trouble};
use mailvane_reply::suppress::Decision;

use super::Made;
use crate::rules;

/// Held-back addresses that are named of one provider.
const HELD_BACK_SHOWN: usize = 5;
/// A longer reply is cut.
const REPLY_CHARACTERS: usize = 160;

/// The list in words, times in `zone`.
pub(crate) fn text(made: &Made, zone: Tz) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, made, zone);
    out
}

fn write(out: &mut String, made: &Made, zone: Tz) -> std::fmt::Result {
    let list = &made.list;
    match list.suppress.len() {
        0 => writeln!(out, "No address has to be suppressed.")?,
        1 => writeln!(out, "1 address should not be mailed again:")?,
        many => writeln!(out, "{many} addresses should not be mailed again:")?,
    }
    for entry in &list.suppress {
        let ground = if let Decision::Suppress(ground) = entry.decision { ground.text() } else { "" };
        writeln!(out, "  {}: {ground}", entry.address)?;
        evidence(out, entry, zone)?;
    }
    for trouble in &list.troubles {
        held_back(out, trouble, zone)?;
    }
    if !list.not_yet.is_empty() {
        writeln!(out, "\nNot yet sure ({}):", list.not_yet.len())?;
        for entry in &list.not_yet {
            let missing = if let Decision::NotYet(missing) = entry.decision { missing.text() } else { "" };
            writeln!(out, "  {}: {}; {missing}", entry.address, entry.reason)?;
            evidence(out, entry, zone)?;
        }
    }
    if !list.works_again.is_empty() {
        writeln!(out, "\nRefused once, working again since ({}):", list.works_again.len())?;
        for entry in &list.works_again {
            let after = entry.delivered_after.map(|time| at(time, zone)).unwrap_or_default();
            writeln!(out, "  {}: refused {} ({}), delivered {after}", entry.address, at(entry.last, zone), entry.reason)?;
        }
    }
    if list.over_limit > 0 {
        writeln!(out, "\n{} events of further addresses found no room and are left out; narrow the time with --since.", list.over_limit)?;
    }
    Ok(())
}

fn evidence(out: &mut String, entry: &Entry, zone: Tz) -> std::fmt::Result {
    let provider = rules::current().providers.name(&entry.provider);
    let by = if provider.is_empty() { String::new() } else { format!(" by {provider}") };
    let when = if entry.bounces <= 1 {
        format!("once, {}", at(entry.last, zone))
    } else {
        format!("{} times, {} to {}", entry.bounces, at(entry.first, zone), at(entry.last, zone))
    };
    let success = entry.delivered_before.map(|time| format!(", last delivered {}", at(time, zone))).unwrap_or_default();
    writeln!(out, "      refused{by} {when}{success}, confidence {} %", entry.confidence)?;
    if !entry.reply.is_empty() {
        writeln!(out, "      {}", shortened(&entry.reply))?;
    }
    Ok(())
}

fn held_back(out: &mut String, trouble: &Trouble, zone: Tz) -> std::fmt::Result {
    let name = rules::current().providers.name(&trouble.provider);
    writeln!(
        out,
        "\nProvider trouble? {} refused {} addresses as unknown that it had accepted before, {} to {}. They are held back:",
        if name.is_empty() { "One receiving side" } else { name },
        trouble.held_back.len(),
        at(trouble.first, zone),
        at(trouble.last, zone)
    )?;
    for entry in trouble.held_back.iter().take(HELD_BACK_SHOWN) {
        writeln!(out, "  {}: {}", entry.address, shortened(&entry.reply))?;
    }
    if trouble.held_back.len() > HELD_BACK_SHOWN {
        writeln!(out, "  and {} more (--json names them all)", trouble.held_back.len() - HELD_BACK_SHOWN)?;
    }
    Ok(())
}

fn at(time: Time, zone: Tz) -> String {
    zone.from_utc_datetime(&time.to_chrono().naive_utc()).format("%Y-%m-%d %H:%M").to_string()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REPLY_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
