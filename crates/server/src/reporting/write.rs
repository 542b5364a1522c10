//! The report of a time, out of the store: the same numbers, words and charts as `mailvane report`.

use anyhow::Result;
use mailvane_alert::notify::{Picture, Sheet};
use mailvane_metric::summary::{Context, Fold, Options};
use mailvane_model::{Sink, Time};
use mailvane_render::html;
use mailvane_render::text::{self, Header, Style, Words};
use mailvane_store::Detail;

use super::settings::Plan;
use crate::alerting::rows;
use crate::command::report::{advice, offset_minutes, server_name};
use crate::live::view::View;

/// Columns of the text: mail is read in narrow windows.
const WIDTH: usize = 78;

/// The report of the period before `at`; none when there was nothing and nothing is to be said about that.
pub(super) fn sheet(plan: &Plan, view: &View, at: Time, host: &str) -> Result<Option<Sheet>> {
    let since = at.plus(-plan.period);
    let options = Options { since: Some(since), until: Some(at) };
    let mut fold = Fold::new(options);
    rows::between(&view.snapshot, (since, at), Detail::Whole, &mut fold)?;
    for row in view.open.outcomes.iter().filter(|row| row.arrived < at) {
        fold.outcome(&row, None);
    }
    let offset = |time: Time| offset_minutes(plan.zone, time);
    let report = fold.finish(&Context { offset_minutes: &offset, top: plan.top });
    if report.is_empty() && !plan.even_if_empty {
        return Ok(None);
    }
    let header = header(plan, view, &options, at);
    let rules = crate::rules::current();
    let provider = |id: &str| rules.providers.name(id).to_owned();
    let advice = |failure: &_| Some(advice(&rules.judge, &rules.providers, failure));
    let words = Words { offset_minutes: &offset, provider: &provider, advice: &advice };
    let day = |time: Time| {
        let local = time.to_chrono() + chrono::TimeDelta::minutes(i64::from(offset(time)));
        local.format("%-d %b %Y %H:%M").to_string()
    };
    let (html, pictures) = html::mail(&report, &header, &words, plan.top);
    Ok(Some(Sheet {
        id: format!("{:016x}", mailvane_model::hash::bytes(format!("report {}", at.0).as_bytes())),
        subject: format!("Mail report of {host}: {} to {}", day(since), day(at)),
        text: text::report(&report, &header, &words, Style { colour: false, width: WIDTH, top: plan.top }),
        html,
        pictures: pictures.iter().map(|picture| Picture::of(&picture.name, &picture.png)).collect(),
    }))
}

fn header(plan: &Plan, view: &View, options: &Options, at: Time) -> Header {
    let lines = view.coverage.total;
    let mut notes: Vec<String> = view.troubles.iter().map(|(path, reason)| format!("{path} cannot be read: {reason}")).collect();
    let since = options.since.unwrap_or(at);
    notes.extend(
        view.gaps.iter().filter(|gap| gap.since < at && gap.until >= since).map(|gap| format!("gap in {}: {}", gap.source, gap.text)),
    );
    if view.first_read {
        notes.push("the log is still being read: these numbers are not complete".to_owned());
    }
    Header {
        inputs: view.sources.iter().map(|source| source.log.display().to_string()).collect(),
        servers: view.snapshot.streams().iter().map(|state| server_name(&state.stream)).collect(),
        ours: Vec::new(),
        zone: plan.zone.name().to_owned(),
        since: options.since,
        until: options.until,
        recognised: lines.recognised,
        ignored: lines.ignored,
        unparsed: lines.unparsed,
        unparsed_samples: Vec::new(),
        notes,
        unnamed: Vec::new(),
    }
}
