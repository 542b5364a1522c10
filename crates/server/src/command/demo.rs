//! `mailvane demo`: a simulated busy host with incidents, through the same pipeline, in a temporary store.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Offset;
use mailvane_assemble::Config as Assembly;
use mailvane_ingest::Spec;
use mailvane_model::Time;
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind, Options, PROVIDERS};

use super::door::Door;
use super::serve::{LISTEN, follow, listen_address};
use crate::alerting::settings::Plan;
use crate::live::engine::Settings;
use crate::live::view::About;
use crate::pipeline::span;
use crate::{Ending, cli};

const BANNER: &str = "Simulated data: a host that does not exist. Nothing is sent.";

/// Runs it.
pub(crate) fn run(arguments: &cli::Demo, now: Time) -> Result<Ending> {
    let listen = listen_address(arguments.listen.as_deref().unwrap_or(LISTEN))?;
    let folder = std::env::temp_dir().join(format!("mailvane-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let clean = Cleanup(folder.clone());
    let log = folder.join("mail.log");
    let zone = span::zone(None)?;
    let mut host = Host::new(options(arguments, zone, now));
    let mut out = BufWriter::new(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    writeln!(std::io::stdout(), "simulating {} days of a busy mail host ...", arguments.days)?;
    write_until(&mut host, &mut out, now)?;
    let settings = Settings {
        specs: vec![Spec { pattern: format!("{}*", log.display()), origin: "demo".to_owned(), history: i64::MAX / 4 }],
        intakes: Vec::new(),
        spool_bytes: mailvane_ingest::intake::SPOOL_BYTES,
        policies: HashMap::new(),
        zone,
        year: None,
        mta: None,
        assembly: Assembly::default(),
        folder: folder.join("store"),
        keep: crate::live::kept::Keep::default(),
        store: mailvane_store::Options::default(),
        history_rows: crate::live::engine::COMMIT_ROWS_HISTORY,
    };
    let about = About {
        started: now,
        zone,
        listen: listen.to_string(),
        software: Some("a simulated Postfix (mx1.example.com)".to_owned()),
        facts: Vec::new(),
        logs: vec![log.display().to_string()],
        banner: Some(BANNER.to_owned()),
        demo: true,
        hints: Vec::new(),
    };
    let probes = crate::probing::settings::Plan::default();
    let play = Box::new(move |stop: &AtomicBool| play(host, out, stop));
    let ending = follow(settings, about, Door::of_demo(listen)?, Plan::silent(zone), probes, Some(play));
    drop(clean);
    ending
}

/// Removes the temporary store at the end.
struct Cleanup(PathBuf);

impl Drop for Cleanup {
    fn drop(&mut self) {
        // What is left of a demonstration does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(arguments: &cli::Demo, zone: chrono_tz::Tz, now: Time) -> Options {
    let provider = |index: usize| PROVIDERS.get(index).copied().unwrap_or("");
    let ago = |hours: i64| now.plus(-hours * Time::HOUR);
    let incident = |kind, from: i64, to: i64, percent| Incident { kind, start: ago(from), end: ago(to), percent };
    Options {
        seed: arguments.seed,
        start: now.plus(-i64::from(arguments.days.max(1)) * Time::DAY),
        messages_per_day: arguments.messages_per_day.min(u64::from(u32::MAX)) as u32,
        form: HeadForm::Rfc3164,
        zone_minutes: chrono::TimeZone::offset_from_utc_datetime(&zone, &now.to_chrono().naive_utc()).fix().local_minus_utc() / 60,
        incidents: vec![
            incident(IncidentKind::Throttle { provider: provider(3) }, 20, 17, 80),
            incident(IncidentKind::Refusal { provider: provider(1) }, 9, 7, 90),
            incident(IncidentKind::Unreachable { provider: provider(4) }, 4, -2, 95),
            incident(IncidentKind::Hijack { messages_per_hour: 900 }, 2, 1, 100),
        ],
        ..Options::default()
    }
}

/// Writes every line before `until`.
fn write_until(host: &mut Host, out: &mut BufWriter<File>, until: Time) -> Result<()> {
    let mut line = Vec::with_capacity(512);
    while host.next_time().is_some_and(|time| time <= until) {
        line.clear();
        if host.next_line(&mut line).is_none() {
            break;
        }
        out.write_all(&line)?;
        if line.last() != Some(&b'\n') {
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Goes on in real time.
fn play(mut host: Host, mut out: BufWriter<File>, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        write_until(&mut host, &mut out, Time::from_chrono(&chrono::Utc::now()))?;
        std::thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}
