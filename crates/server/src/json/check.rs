//! `check` as JSON: a key for each group of checks, with what the record is worth and the findings.

use mailvane_probe::plan::{GROUPS, TRANSPORT};
use mailvane_probe::sheet::{Line, Scope};
use mailvane_probe::summary::{self, SpfSummary, Standing, Summary};
use mailvane_probe::{Finding, State, Target, View};

use super::object::{Object, string};
use super::report::list;
use crate::command::check::Outcome;

/// What the records of a domain are worth, as far as they were asked for.
#[derive(Default)]
pub(crate) struct Records {
    /// SPF.
    pub(crate) spf: Option<SpfSummary>,
    /// Each DKIM selector.
    pub(crate) dkim: Vec<(String, Summary)>,
    /// The other records, by the name of their group.
    pub(crate) other: Vec<(&'static str, Summary)>,
}

/// Reads the records of the groups that are wanted.
pub(crate) async fn records(view: &View, target: &Target, only: &[String]) -> Records {
    let wanted = |group: &str| only.is_empty() || only.iter().any(|name| name == group);
    let mut records = Records::default();
    if wanted("spf") {
        records.spf = Some(summary::spf(view, target).await);
    }
    if wanted("dkim") {
        records.dkim = summary::dkim(view, target).await;
    }
    if wanted("dmarc") {
        records.other.push(("dmarc", summary::dmarc(view, target).await));
    }
    if wanted("mta-sts") {
        records.other.push(("mta-sts", summary::mta_sts(view, target).await));
    }
    if wanted("tls-rpt") {
        records.other.push(("tls-rpt", summary::tls_rpt(view, target).await));
    }
    if wanted("bimi") {
        records.other.push(("bimi", summary::bimi(view, target).await));
    }
    records
}

/// The whole answer. With `--only` just the groups asked for.
pub(crate) fn outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    let mut object = Object::open(out);
    if outcome.only.is_empty() {
        let count = |state| outcome.findings.iter().filter(|finding| finding.state == state).count() as u64;
        object.string("domain", &outcome.target.domain).time("time", Some(outcome.time), 0);
        object.number("problems", count(State::Problem)).number("warnings", count(State::Warning)).number("unknown", count(State::Unknown));
        object.number("questions", outcome.asked).number("took_ms", outcome.took.as_millis() as u64);
    }
    for group in GROUPS.iter().filter(|group| outcome.only.is_empty() || outcome.only.iter().any(|name| name == *group)) {
        object.value(group, |out| self::group(out, outcome, group));
    }
    let servers: Vec<&Finding> = outcome.findings.iter().filter(|finding| TRANSPORT.contains(&finding.group())).collect();
    if !servers.is_empty() {
        object.value(TRANSPORT[0], |out| {
            let mut object = Object::open(out);
            object.value("findings", |out| list(out, servers, finding));
            object.close();
        });
    }
    if !outcome.sheet.is_empty() {
        object.value("sheet", |out| list(out, &outcome.sheet, line));
    }
    object.close();
}

fn group(out: &mut Vec<u8>, outcome: &Outcome, group: &str) {
    let mut object = Object::open(out);
    match group {
        "spf" => outcome.records.spf.iter().for_each(|spf| self::spf(&mut object, spf)),
        "dkim" => dkim(&mut object, &outcome.records.dkim),
        _ => {
            let found = outcome.records.other.iter().find(|(name, _)| *name == group);
            if let Some((_, record)) = found {
                self::record(&mut object, record);
            }
        }
    }
    let findings: Vec<&Finding> = outcome.findings.iter().filter(|finding| finding.group() == group).collect();
    object.value("findings", |out| list(out, findings, finding));
    object.close();
}

fn spf(object: &mut Object<'_>, spf: &SpfSummary) {
    object.value("result", |out| match spf.result {
        Some(word) => string(out, word),
        None => out.extend_from_slice(b"null"),
    });
    object.number("lookups", spf.lookups).number("void_lookups", spf.void_lookups);
    object.text("explanation", spf.explanation.as_deref().unwrap_or_default()).text("cause", &spf.cause);
    if let Some((term, domain)) = &spf.matched {
        object.string("matched", term).string("matched_in", domain);
    }
    standing(object, spf.standing, spf.record.as_deref(), &spf.faults);
}

fn standing(object: &mut Object<'_>, standing: Standing, record: Option<&str>, faults: &[String]) {
    object.flag("valid", standing == Standing::Valid).string("standing", standing.word());
    object.text("record", record.unwrap_or_default());
    object.value("errors", |out| list(out, faults, |out, fault| string(out, fault)));
}

fn record(object: &mut Object<'_>, summary: &Summary) {
    object.string("result", summary.standing.word()).string("name", &summary.name);
    standing(object, summary.standing, summary.record.as_deref(), &summary.faults);
    object.value("notes", |out| list(out, &summary.notes, |out, note| string(out, note)));
    for (key, value) in &summary.says {
        object.string(key, value);
    }
}

fn dkim(object: &mut Object<'_>, keys: &[(String, Summary)]) {
    let worst = [Standing::Invalid, Standing::None, Standing::Unknown, Standing::Valid]
        .into_iter()
        .find(|standing| keys.iter().any(|(_, key)| key.standing == *standing));
    let result = worst.unwrap_or(Standing::Unknown);
    object.string("result", result.word()).flag("valid", result == Standing::Valid);
    object.value("selectors", |out| {
        list(out, keys, |out, (selector, key)| {
            let mut object = Object::open(out);
            object.string("selector", selector);
            record(&mut object, key);
            object.close();
        });
    });
}

/// One finding.
pub(crate) fn finding(out: &mut Vec<u8>, finding: &Finding) {
    let mut object = Object::open(out);
    object.string("check", &finding.check).string("subject", &finding.subject);
    object.string("state", finding.state.word()).string("severity", finding.severity.word());
    object.string("title", &finding.title).text("means", &finding.wording).text("fix", &finding.fix);
    object.value("value", |out| list(out, &finding.value, |out, part| string(out, part)));
    object.string("vantage", finding.vantage.word());
    if !finding.timings.is_empty() {
        object.value("timings_ms", |out| {
            let mut steps = Object::open(out);
            for timing in &finding.timings {
                steps.decimal(&timing.step, timing.took as f64 / 1000.0);
            }
            steps.close();
        });
    }
    object.value("evidence", |out| {
        list(out, &finding.evidence, |out, evidence| {
            let mut object = Object::open(out);
            object.string("question", &evidence.question).string("answer", &evidence.answer).string("server", &evidence.server);
            object.time("time", Some(evidence.time), 0).optional("ttl", evidence.ttl);
            object.close();
        });
    });
    object.close();
}

fn line(out: &mut Vec<u8>, line: &Line) {
    let mut object = Object::open(out);
    object.string("provider", line.provider).string("for", if line.scope == Scope::Bulk { "bulk" } else { "all" });
    object.string("rule", line.rule).string("result", line.mark.word()).string("because", &line.because);
    object.close();
}
