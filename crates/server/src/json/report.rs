//! The report as JSON: the shape of `mailvane report --json`. Every number has the name it has in `metric`.

use mailvane_metric::histogram::Percentiles;
use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::{Breakdown, Failure, Line, Notice, Rejection, Section, Step, Tally};
use mailvane_metric::{Door, Figure, Figures, Rate, Rates};
use mailvane_model::Time;
use mailvane_render::text::{Header, Unnamed};

use super::object::Object;

/// Writes a list.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// A ratio with its sample size.
pub(crate) fn rate(out: &mut Vec<u8>, rate: Rate) {
    let mut object = Object::open(out);
    object.decimal("value", rate.value().unwrap_or(f64::NAN)).number("numerator", rate.count).number("n", rate.of);
    object.close();
}

fn rates(out: &mut Vec<u8>, rates: &Rates) {
    let mut object = Object::open(out);
    for (name, value) in [
        ("bounce_rate", rates.bounce),
        ("hard_bounce_rate", rates.hard_bounce),
        ("expiry_rate", rates.expiry),
        ("failure_rate", rates.failure),
        ("deferral_rate", rates.deferral),
        ("deferral_rate_without_greylisting", rates.deferral_without_greylisting),
        ("acceptance_now", rates.acceptance),
    ] {
        object.value(name, |out| rate(out, value));
    }
    object.close();
}

fn figures(out: &mut Vec<u8>, figures: &Figures) {
    let mut object = Object::open(out);
    for figure in Figure::ALL {
        object.number(figure.word(), figures.get(*figure));
    }
    object.close();
}

/// Percentiles; milliseconds become seconds.
fn delays(out: &mut Vec<u8>, of: &Percentiles) {
    let mut object = Object::open(out);
    for (name, value) in [("p50", of.p50), ("p90", of.p90), ("p95", of.p95), ("p99", of.p99), ("max", of.max)] {
        object.seconds(name, value);
    }
    object.number("n", of.count);
    object.close();
}

fn sizes(out: &mut Vec<u8>, of: &Percentiles) {
    let mut object = Object::open(out);
    for (name, value) in [("p50", of.p50), ("p90", of.p90), ("p95", of.p95), ("p99", of.p99), ("max", of.max)] {
        object.optional(name, value);
    }
    object.number("n", of.count);
    object.close();
}

fn line(out: &mut Vec<u8>, line: &Line) {
    let mut object = Object::open(out);
    object
        .string("key", &line.key)
        .value("figures", |out| figures(out, &line.figures))
        .value("rates", |out| rates(out, &line.rates))
        .value("delay_s", |out| delays(out, &line.delay))
        .seconds("delay_mean_s", line.delay_mean_ms)
        .seconds("delay_max_s", line.delay_max_ms);
    object.close();
}

fn breakdown(out: &mut Vec<u8>, breakdown: &Breakdown) {
    let mut object = Object::open(out);
    object.number("total", breakdown.total).number("short_by", breakdown.short_by).value("rows", |out| list(out, &breakdown.lines, line));
    match &breakdown.other {
        Some(other) => object.value("other", |out| line(out, other)),
        None => object.text("other", ""),
    };
    object.close();
}

fn failure(out: &mut Vec<u8>, failure: &Failure, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .string("reason", failure.reason.word())
        .text("provider", &failure.provider)
        .string("scope", failure.scope.word())
        .string("fault", failure.fault.word())
        .number("bounced", failure.bounced)
        .number("expired", failure.expired)
        .number("queued", failure.queued)
        .number("recipients_deferred", failure.recipients_deferred)
        .number("deferred_attempts", failure.deferred_attempts)
        .nonzero("reply_code", failure.reply_code)
        .text("enhanced_code", &failure.enhanced_code)
        .value("samples", |out| list(out, &failure.samples, |out, text| super::object::string(out, text)))
        .time("first", Some(failure.first), offset(failure.first))
        .time("last", Some(failure.last), offset(failure.last));
    object.close();
}

fn section(out: &mut Vec<u8>, section: &Section, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .string("population", section.traffic.population.word())
        .string("direction", section.traffic.direction.word())
        .value("figures", |out| figures(out, &section.figures))
        .value("rates", |out| rates(out, &section.rates))
        .number("messages_deferred", section.messages_deferred)
        .value("delay_s", |out| delays(out, &section.delay))
        .value("delay_parts_s", |out| list(out, &section.delay_parts, delays))
        .value("sizes", |out| sizes(out, &section.sizes));
    for (name, of) in [
        ("providers", &section.providers),
        ("domains", &section.domains),
        ("senders", &section.senders),
        ("sender_domains", &section.sender_domains),
        ("recipients", &section.recipients),
        ("relays", &section.relays),
        ("instances", &section.instances),
        ("users", &section.users),
        ("clients", &section.clients),
    ] {
        object.value(name, |out| breakdown(out, of));
    }
    object
        .value("senders_by_bytes", |out| list(out, &section.senders_by_bytes, line))
        .value("recipients_by_bytes", |out| list(out, &section.recipients_by_bytes, line))
        .value("failures", |out| list(out, &section.failures, |out, one| failure(out, one, offset)));
    object.close();
}

fn tally(out: &mut Vec<u8>, tally: &Tally) {
    let mut object = Object::open(out);
    object.string("key", &tally.key).text("name", &tally.name).number("count", tally.count);
    object.close();
}

fn rejection(out: &mut Vec<u8>, one: &Rejection, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .string("action", one.action.word())
        .string("stage", one.stage.word())
        .string("reason", one.reason.word())
        .nonzero("reply_code", one.reply_code)
        .text("template", &one.template)
        .text("sample", &one.sample)
        .text("sample_client", &one.sample_client)
        .number("count", one.count)
        .value("clients", |out| list(out, &one.clients, tally))
        .time("first", Some(one.first), offset(one.first))
        .time("last", Some(one.last), offset(one.last));
    object.close();
}

fn notice(out: &mut Vec<u8>, one: &Notice, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .string("level", one.level.word())
        .text("daemon", &one.daemon)
        .text("template", &one.template)
        .text("sample", &one.sample)
        .number("count", one.count)
        .time("first", Some(one.first), offset(one.first))
        .time("last", Some(one.last), offset(one.last));
    object.close();
}

fn step(out: &mut Vec<u8>, step: &Step, start: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object::open(out);
    start(&mut object);
    object
        .value("outbound", |out| figures(out, &step.outbound))
        .value("others", |out| figures(out, &step.others))
        .number("rejected", step.rejected);
    object.close();
}

/// Writes the whole report.
pub(crate) fn report(out: &mut Vec<u8>, report: &Report, header: &Header, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .value("read", |out| read(out, header))
        .time("first", report.first, report.first.map_or(0, offset))
        .time("last", report.last, report.last.map_or(0, offset))
        .value("sections", |out| list(out, &report.sections, |out, one| section(out, one, offset)))
        .value("rejections", |out| door(out, report, offset))
        .value("logins", |out| logins(out, report))
        .value("sessions", |out| sessions(out, report))
        .value("trouble", |out| list(out, &report.trouble, |out, one| notice(out, one, offset)))
        .value("gaps", |out| list(out, &report.gaps, |out, one| notice(out, one, offset)))
        .value("lifecycle", |out| list(out, &report.lifecycle, |out, one| notice(out, one, offset)))
        .value("queue", |out| queue(out, report, offset))
        .value("unnamed_replies", |out| list(out, &header.unnamed, |out, one| unnamed(out, one, offset)));
    for (name, steps) in [("hours", &report.hours), ("days", &report.days)] {
        object.value(name, |out| {
            list(out, steps, |out, one| {
                step(out, one, |object| {
                    object.time("start", Some(one.start), offset(one.start));
                });
            });
        });
    }
    object.value("hours_of_day", |out| {
        list(out, report.hours_of_day.iter().enumerate(), |out, (hour, one)| {
            step(out, one, |object| {
                object.number("hour", hour as i128);
            });
        });
    });
    object.value("limits", |out| {
        list(out, &report.limits, |out, limit| {
            let mut object = Object::open(out);
            object.string("table", &limit.table).number("limit", limit.limit).number("dropped", limit.dropped);
            object.close();
        });
    });
    object.close();
}

fn unnamed(out: &mut Vec<u8>, one: &Unnamed, offset: &dyn Fn(Time) -> i32) {
    let mut object = Object::open(out);
    object
        .string("template", &one.template)
        .number("count", one.count)
        .text("provider", &one.provider)
        .string("sample", &one.sample)
        .time("first", Some(one.first), offset(one.first))
        .time("last", Some(one.last), offset(one.last));
    object.close();
}

fn read(out: &mut Vec<u8>, header: &Header) {
    let strings = |out: &mut Vec<u8>, items: &[String]| list(out, items, |out, item| super::object::string(out, item));
    let mut object = Object::open(out);
    object
        .value("inputs", |out| strings(out, &header.inputs))
        .value("servers", |out| strings(out, &header.servers))
        .value("ours", |out| {
            list(out, &header.ours, |out, (name, value)| {
                let mut object = Object::open(out);
                object.string("what", name).string("taken", value);
                object.close();
            });
        })
        .string("zone", &header.zone)
        .number("lines", header.lines())
        .number("recognised", header.recognised)
        .number("ignored", header.ignored)
        .number("unparsed", header.unparsed)
        .value("notes", |out| strings(out, &header.notes));
    object.close();
}

fn door(out: &mut Vec<u8>, report: &Report, offset: &dyn Fn(Time) -> i32) {
    let rejections = &report.rejections;
    let mut object = Object::open(out);
    for door in Door::ALL {
        object.number(door.word(), rejections.get(*door));
    }
    object
        .number("refused", rejections.refused())
        .value("rows", |out| list(out, &rejections.lines, |out, one| rejection(out, one, offset)))
        .number("more", rejections.more)
        .value("clients", |out| list(out, &rejections.clients, tally))
        .value("sender_domains", |out| list(out, &rejections.sender_domains, tally))
        .value("recipients", |out| list(out, &rejections.recipients, tally));
    object.close();
}

fn logins(out: &mut Vec<u8>, report: &Report) {
    let logins = &report.logins;
    let mut object = Object::open(out);
    object.number("ok", logins.ok).number("failed", logins.failed);
    for (name, tallies) in
        [("clients", &logins.clients), ("users", &logins.users), ("methods", &logins.methods), ("ok_users", &logins.ok_users)]
    {
        object.value(name, |out| list(out, tallies, tally));
    }
    object.close();
}

fn sessions(out: &mut Vec<u8>, report: &Report) {
    let sessions = &report.sessions;
    let mut object = Object::open(out);
    object
        .number("ended", sessions.ended)
        .number("lost", sessions.lost)
        .value("lost_after", |out| list(out, &sessions.lost_after, tally))
        .value("clients", |out| list(out, &sessions.clients, tally));
    object.close();
}

fn queue(out: &mut Vec<u8>, report: &Report, offset: &dyn Fn(Time) -> i32) {
    let queue = &report.queue;
    let mut object = Object::open(out);
    object
        .number("messages", queue.messages)
        .number("recipients", queue.recipients)
        .number("notifications", queue.notifications)
        .number("held", queue.held)
        .time("oldest", queue.oldest, queue.oldest.map_or(0, offset))
        .number("more", queue.more)
        .value("domains", |out| {
            list(out, &queue.domains, |out, waiting| {
                let mut object = Object::open(out);
                object
                    .string("domain", &waiting.domain)
                    .text("provider", &waiting.provider)
                    .number("recipients", waiting.recipients)
                    .number("fresh", waiting.fresh)
                    .time("oldest", Some(waiting.oldest), offset(waiting.oldest))
                    .text("reason", waiting.reason.map_or("", |reason| reason.word()))
                    .text("sample", &waiting.sample);
                object.close();
            });
        });
    object.close();
}
