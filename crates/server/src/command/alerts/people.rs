//! `mailvane alerts list|silence|unsilence|ack`: what goes on, and what people do about it. Orders are left in the file that `serve` looks at
//! every second; without `serve` they wait for it.

use std::io::Write;

use anyhow::{Context as _, Result, anyhow, bail};
use mailvane_alert::event::IncidentRow;
use mailvane_alert::rule::span_text;
use mailvane_alert::state::{Settings, Silence};
use mailvane_alert::{Engine, RuleSet};
use mailvane_model::Time;
use mailvane_store::alerts::Alerts;
use serde_json::json;

use crate::alerting::order::{self, Order};
use crate::alerting::watch;
use crate::command::serve::{configuration, data_folder};
use crate::pipeline::span;
use crate::{Ending, cli};

/// How far back incidents that are over are listed.
const OVER: i64 = 7 * Time::DAY;
/// Incidents that are listed.
const LISTED: usize = 200;

fn open(place: &cli::Place) -> Result<Alerts> {
    let config = configuration(place.config.as_deref())?;
    let folder = data_folder(place.data_dir.as_deref(), &config);
    if !folder.join("alerts.db").exists() {
        bail!("there are no alerts in {}: `mailvane serve` makes them; name its folder with --data-dir", folder.display());
    }
    Ok(Alerts::open(&folder)?)
}

/// Who gives an order here.
fn author(given: Option<&str>) -> String {
    let user = || std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "somebody".to_owned());
    given.map_or_else(user, str::to_owned)
}

fn leave(alerts: &Alerts, order: &Order) -> Result<()> {
    if !alerts.order(&serde_json::to_vec(order)?)? {
        bail!("too many orders wait: is `mailvane serve` running?");
    }
    Ok(())
}

/// The engine as it was kept last.
fn kept(alerts: &Alerts) -> Result<Option<Engine>> {
    let Some(bytes) = alerts.state()? else { return Ok(None) };
    let state = watch::engine_state(&bytes).context("the state of alerts was written by a later version")?;
    Ok(Some(Engine::restore(RuleSet::embedded(), Settings::default(), state)?))
}

fn line(row: &IncidentRow, zone: chrono_tz::Tz) -> String {
    let time = |micros: i64| Time(micros).floor(Time::SECOND).rfc3339(super::super::report::offset_minutes(zone, Time(micros)));
    let lasted = row.ended.map_or_else(
        || "goes on".to_owned(),
        |ended| format!("for {}", span_text((ended - row.began).max(0) / Time::MINUTE * Time::MINUTE)),
    );
    let group = if row.group.is_whole() { String::new() } else { format!(" ({})", row.group) };
    format!("{}  {:<6} {} {}{group}, {lasted}\n    {}\n", row.id, row.severity.word(), time(row.began), row.title, row.text)
}

/// Runs `list`.
pub(super) fn list(arguments: &cli::AlertsList, now: Time) -> Result<Ending> {
    let alerts = open(&arguments.place)?;
    let zone = span::zone(None)?;
    let engine = kept(&alerts)?;
    let mut rows: Vec<IncidentRow> = Vec::new();
    for kept in alerts.incidents(now.plus(-OVER), now.plus(Time::DAY), LISTED)? {
        rows.push(serde_json::from_slice(&kept.value).context("the history of alerts holds what this version cannot read")?);
    }
    rows.retain(|row| row.part_of.is_none());
    let silences: Vec<Silence> =
        engine.iter().flat_map(|engine| engine.silences()).filter(|silence| silence.until > now.0).cloned().collect();
    let seen = |id: &str| {
        let incident = engine.iter().flat_map(Engine::incidents).find(|incident| incident.id == id)?;
        incident.acknowledged.as_ref().map(|seen| seen.author.clone())
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let incidents: Vec<_> = rows.iter().map(|row| json!({"incident": row, "acknowledged_by": seen(&row.id)})).collect();
        writeln!(out, "{}", json!({"incidents": incidents, "silences": silences}))?;
        return Ok(Ending::Fine);
    }
    let (open, over): (Vec<&IncidentRow>, Vec<&IncidentRow>) = rows.iter().partition(|row| row.ended.is_none());
    writeln!(out, "{} incidents go on", open.len())?;
    for row in &open {
        write!(out, "{}", line(row, zone))?;
        if let Some(author) = seen(&row.id) {
            writeln!(out, "    acknowledged by {author}")?;
        }
    }
    writeln!(out, "{} were over in the last 7 days", over.len())?;
    for row in &over {
        write!(out, "{}", line(row, zone))?;
    }
    for silence in &silences {
        let left = span_text((silence.until - now.0).max(0) / Time::MINUTE * Time::MINUTE);
        writeln!(
            out,
            "silence {}: rule {} key {} for {left} more, by {}: {}",
            silence.id, silence.rule, silence.key, silence.author, silence.comment
        )?;
    }
    Ok(if open.is_empty() { Ending::Fine } else { Ending::Problems })
}

/// Runs `silence`.
pub(super) fn silence(arguments: &cli::AlertsSilence, now: Time) -> Result<Ending> {
    let alerts = open(&arguments.place)?;
    let length = span::length(&arguments.length).with_context(|| format!("--for {}: use 30m, 2h or 3d", arguments.length))?;
    let author = author(arguments.author.as_deref());
    let made = order::silence(&arguments.rule, &arguments.key, &arguments.comment, &author, now.0, now.0.saturating_add(length));
    let made = made.map_err(|text| anyhow!("{text}"))?;
    writeln!(std::io::stdout(), "silence {} for {}; `mailvane alerts unsilence {}` ends it", made.id, arguments.length, made.id)?;
    leave(&alerts, &Order::Silence { silence: made })?;
    Ok(Ending::Fine)
}

/// Runs `unsilence`.
pub(super) fn end_silence(arguments: &cli::AlertsId, now: Time) -> Result<Ending> {
    let alerts = open(&arguments.place)?;
    leave(&alerts, &Order::EndSilence { id: arguments.id.clone(), at: now.0 })?;
    Ok(Ending::Fine)
}

/// Runs `ack`.
pub(super) fn acknowledge(arguments: &cli::AlertsId) -> Result<Ending> {
    let alerts = open(&arguments.place)?;
    let known = kept(&alerts)?.is_some_and(|engine| engine.incidents().any(|incident| incident.id == arguments.id));
    if !known {
        bail!("there is no incident {} that goes on: `mailvane alerts list` shows them", arguments.id);
    }
    leave(&alerts, &Order::Acknowledge { incident: arguments.id.clone(), author: author(arguments.author.as_deref()) })?;
    Ok(Ending::Fine)
}
