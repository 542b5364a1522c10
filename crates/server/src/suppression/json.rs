//! The list as one JSON object.

use mailvane_model::Time;
use mailvane_reply::ledger::{Entry, Trouble};
use mailvane_reply::suppress::Decision;

use super::Made;
use crate::json::object::Object;
use crate::json::report::list;
use crate::rules;

/// The object; times with their offset in minutes.
pub(crate) fn json(made: &Made, offset: &dyn Fn(Time) -> i32) -> Vec<u8> {
    let mut out = Vec::new();
    let found = &made.list;
    let mut object = Object::open(&mut out);
    object
        .time("since", made.since, made.since.map_or(0, offset))
        .time("until", made.until, made.until.map_or(0, offset))
        .value("suppress", |out| list(out, &found.suppress, |out, one| entry(out, one, offset)))
        .value("held_back", |out| list(out, &found.troubles, |out, one| trouble(out, one, offset)))
        .value("not_yet", |out| list(out, &found.not_yet, |out, one| entry(out, one, offset)))
        .value("works_again", |out| list(out, &found.works_again, |out, one| entry(out, one, offset)))
        .number("addresses_over_limit", found.over_limit);
    object.close();
    out
}

fn entry(out: &mut Vec<u8>, entry: &Entry, offset: &dyn Fn(Time) -> i32) {
    let (ground, missing) = match entry.decision {
        Decision::Suppress(ground) => (ground.word(), ""),
        Decision::NotYet(missing) => ("", missing.word()),
        Decision::HeldBack | Decision::Keep => ("", ""),
    };
    let days = (entry.last.0 - entry.first.0) / Time::DAY;
    let mut object = Object::open(out);
    object
        .string("address", &entry.address)
        .text("ground", ground)
        .text("missing", missing)
        .string("reason", entry.reason.word())
        .text("provider", &entry.provider)
        .text("provider_name", rules::current().providers.name(&entry.provider))
        .nonzero("reply_code", entry.reply_code)
        .text("enhanced_code", &entry.enhanced_code)
        .text("reply", &entry.reply)
        .text("rule", &entry.rule)
        .number("confidence", entry.confidence)
        .number("bounces", entry.bounces)
        .time("first", Some(entry.first), offset(entry.first))
        .time("last", Some(entry.last), offset(entry.last))
        .number("days", days)
        .time("delivered_before", entry.delivered_before, entry.delivered_before.map_or(0, offset))
        .time("delivered_after", entry.delivered_after, entry.delivered_after.map_or(0, offset));
    object.close();
}

fn trouble(out: &mut Vec<u8>, trouble: &Trouble, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .text("provider", &trouble.provider)
        .text("provider_name", rules::current().providers.name(&trouble.provider))
        .number("addresses", trouble.held_back.len() as u64)
        .time("first", Some(trouble.first), offset(trouble.first))
        .time("last", Some(trouble.last), offset(trouble.last))
        .value("entries", |out| list(out, &trouble.held_back, |out, one| entry(out, one, offset)));
    object.close();
}
