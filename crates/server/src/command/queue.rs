//! `mailvane queue`: what waits on this host, for whom, why, since when, and what will expire.

use std::io::{BufReader, Write};

use anyhow::{Context as _, Result, bail};
use mailvane_model::Time;
use mailvane_parse::listing::Queue;
use serde_json::{Value, json};

use crate::queue::depths::{AGES, Depths, Group, SOON};
use crate::queue::lifetimes::Lifetimes;
use crate::queue::list::{self, Look};
use crate::{Ending, cli, rules};

/// Runs it.
pub(crate) fn run(arguments: &cli::Queue, now: Time) -> Result<Ending> {
    let seconds = now.0 / Time::SECOND;
    let look = match arguments.from.as_deref() {
        None => list::of_this_host(seconds)?,
        Some(path) if path.as_os_str() == "-" => list::of_text(std::io::stdin().lock(), Lifetimes::default(), seconds)?,
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            list::of_text(BufReader::new(file), Lifetimes::default(), seconds)?
        }
    };
    if look.depths.strange > 0 && look.depths.messages.is_empty() {
        bail!(
            "no line of the listing was understood ({} were read): it takes the output of `postqueue -j` or `exim -bp`",
            look.depths.strange
        );
    }
    let outlook = outlook(arguments);
    let out = if arguments.json {
        let mut all = json(&look);
        all["outlook"] = outlook.unwrap_or_default();
        format!("{all}\n")
    } else {
        text(&look, outlook.as_ref(), arguments.top)
    };
    std::io::stdout().write_all(out.as_bytes()).context("cannot write the queue")?;
    Ok(Ending::Fine)
}

/// How the queue of this host drains and what will come back, as a running `serve` has watched it; `None` where there is none to ask.
#[cfg(feature = "daemon")]
fn outlook(arguments: &cli::Queue) -> Option<Value> {
    if arguments.from.is_some() {
        return None;
    }
    let config = super::serve::configuration(arguments.store.config.as_deref()).ok()?;
    let folder = super::serve::data_folder(arguments.store.data_dir.as_deref(), &config);
    // Without one that answers, the listing alone says enough.
    crate::socket::ask(&folder, &crate::socket::Question::Queue, |_| {}).ok()
}

#[cfg(not(feature = "daemon"))]
fn outlook(_arguments: &cli::Queue) -> Option<Value> {
    None
}

/// The same for people.
fn outlook_text(outlook: &Value) -> String {
    let mut out = String::new();
    if let Some(rate) = outlook["drain_per_s"].as_f64() {
        let (verb, an_hour) = (if rate >= 0.0 { "drains" } else { "grows" }, (rate.abs() * 3_600.0).round());
        let empty =
            outlook["empty_in_s"].as_f64().map(|seconds| format!(", empty in about {}", length(seconds as i64))).unwrap_or_default();
        out.push_str(&format!("{verb} by {an_hour} recipients an hour{empty}\n"));
    }
    let forecast = outlook["forecast"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !forecast.is_empty() {
        out.push_str("\nwill come back within a day, if what is accepted now stays as it is\n");
    }
    for row in forecast {
        let (domain, expected, expiring) = (row["domain"].as_str().unwrap_or_default(), &row["expected"], &row["expiring"]);
        let accepted = row["acceptance"]["value"].as_f64().map_or_else(
            || "nothing was tried there in the last hour".to_owned(),
            |share| format!("{:.0} % of {} accepted in the last hour", share * 100.0, row["acceptance"]["n"]),
        );
        out.push_str(&format!("  {domain:<32} {expected:>8} of {expiring} messages ({accepted})\n"));
    }
    out
}

/// A length in its largest unit.
fn length(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < 90 => format!("{seconds} s"),
        seconds if seconds < 90 * 60 => format!("{} min", seconds / 60),
        seconds if seconds < 36 * 3_600 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn ages() -> Vec<String> {
    let mut names: Vec<String> = AGES.iter().map(|limit| format!("under {}", length(*limit))).collect();
    names.push(format!("{} and more", length(AGES[AGES.len() - 1])));
    names
}

fn text(look: &Look, outlook: Option<&Value>, top: usize) -> String {
    let depths = &look.depths;
    let messages: u64 = depths.messages.values().sum();
    if messages == 0 {
        return "the queue is empty\n".to_owned();
    }
    let held: u64 = depths.messages.iter().filter(|(queue, _)| queue.is_held()).map(|(_, count)| count).sum();
    let held = if held > 0 { format!(" ({held} of them held)") } else { String::new() };
    let mut out = format!("{messages} messages{held}, {} recipients wait, {:.1} MB\n", depths.waiting(), depths.bytes as f64 / 1e6);
    for queue in Queue::ALL {
        if let Some(count) = depths.messages.get(&queue) {
            let recipients = depths.recipients.get(&queue).copied().unwrap_or_default();
            out.push_str(&format!("  {:<9} {count:>8} messages {recipients:>9} recipients\n", queue.word()));
        }
    }
    if depths.notices > 0 {
        out.push_str(&format!("  of them   {:>8} notices to senders\n", depths.notices));
    }
    out.push_str(&outlook.map(outlook_text).unwrap_or_default());
    out.push_str(&format!("oldest that waits (held mail and notices left out): {}\n", length(depths.oldest)));
    if depths.waiting() > 0 {
        out.push_str("\nage\n");
    }
    for (name, count) in ages().iter().zip(depths.ages).filter(|(_, count)| *count > 0) {
        out.push_str(&format!("  {name:<16} {count:>8} messages\n"));
    }
    out.push_str(&providers_and_causes(depths, top));
    if depths.waiting() > 0 {
        out.push_str("\nwaiting for\n");
    }
    for (name, destination) in depths.largest().into_iter().take(top) {
        let (count, oldest) = (destination.recipients, length(destination.oldest));
        out.push_str(&format!("  {name:<32} {count:>8} recipients in {} messages, oldest {oldest}\n", destination.messages));
        if let Some((reason, reply)) = destination.top_reason() {
            let reply: String = reply.chars().take(150).collect();
            out.push_str(&format!("      {}: {reply}\n", reason.word()));
        }
    }
    if depths.expiring.iter().any(|count| *count > 0) {
        out.push_str(&format!(
            "\nwill come back to their senders (after {}) unless they are accepted before\n",
            length(look.lifetimes.mail)
        ));
        for (within, count) in SOON.iter().zip(depths.expiring) {
            out.push_str(&format!("  within {:<9} {count:>8} messages\n", length(*within as i64)));
        }
    }
    if let Some(after) = look.lifetimes.frozen.filter(|_| depths.ending.iter().any(|count| *count > 0)) {
        out.push_str(&format!("\nfrozen, and removed (after {}) unless somebody thaws them before\n", length(after)));
        for (within, count) in SOON.iter().zip(depths.ending) {
            out.push_str(&format!("  within {:<9} {count:>8} messages\n", length(*within as i64)));
        }
    }
    if !look.complete {
        out.push_str("\nthe queue is longer than what was read: there is more of everything\n");
    }
    if depths.strange > 0 {
        out.push_str(&format!("\n{} lines of the listing were not understood\n", depths.strange));
    }
    out.push_str(
        "\nnothing was changed. Postfix: `postqueue -i ID` tries one again, `postsuper -h ID` holds it, `postcat -q ID` shows it;\n\
         Exim: `exim -M ID` tries one again, `exim -Mf ID` freezes it, `exim -Mt ID` thaws it, `exim -Mvc ID` shows it\n",
    );
    out
}

/// By provider and by cause, as far as the listing says why something waits.
fn providers_and_causes(depths: &Depths, top: usize) -> String {
    let (causes, mut out) = (depths.causes(), String::new());
    if causes.is_empty() {
        return out;
    }
    let rules = rules::current();
    out.push_str("\nproviders\n");
    let line = |name: &str, group: &Group| {
        let domains = if group.domains == 1 { "1 domain".to_owned() } else { format!("{} domains", group.domains) };
        format!("  {name:<32} {:>8} recipients at {domains}, oldest {}\n", group.recipients, length(group.oldest))
    };
    for (name, group) in depths.providers().iter().take(top) {
        out.push_str(&line(if name.is_empty() { "(no host named)" } else { rules.providers.name(name) }, group));
    }
    out.push_str("\ncauses\n");
    for (reason, group) in causes.iter().take(top) {
        out.push_str(&line(reason.word(), group));
    }
    out
}

/// As one object, for programs and for the page.
pub(crate) fn json(look: &Look) -> Value {
    let depths = &look.depths;
    let queues: Vec<Value> = Queue::ALL
        .into_iter()
        .map(|queue| {
            let of = |counts: &std::collections::BTreeMap<Queue, u64>| counts.get(&queue).copied().unwrap_or_default();
            json!({"queue": queue.word(), "messages": of(&depths.messages), "recipients": of(&depths.recipients)})
        })
        .collect();
    let ages: Vec<Value> = AGES
        .iter()
        .map(|limit| Some(*limit))
        .chain([None])
        .zip(depths.ages)
        .map(|(under, count)| json!({"under_s": under, "messages": count}))
        .collect();
    let destinations: Vec<Value> = depths
        .largest()
        .into_iter()
        .take(100)
        .map(|(name, known)| {
            let top = known.top_reason();
            json!({
                "domain": name, "messages": known.messages, "recipients": known.recipients, "oldest_s": known.oldest,
                "expiring": known.expiring, "reason": top.map(|top| top.0.word()), "reply": top.map(|top| top.1),
            })
        })
        .collect();
    let rules = rules::current();
    let with = |key: &str, name: &str, group: &Group| {
        let Group { recipients, domains, oldest } = group;
        json!({"key": key, "label": name, "recipients": recipients, "domains": domains, "oldest_s": oldest})
    };
    let providers: Vec<Value> =
        depths.providers().iter().take(100).map(|(name, group)| with(name, rules.providers.name(name), group)).collect();
    let causes: Vec<Value> = depths.causes().iter().map(|(reason, group)| with(reason.word(), reason.word(), group)).collect();
    let expiring: Vec<Value> =
        SOON.iter().zip(depths.expiring).map(|(within, count)| json!({"within_s": within, "messages": count})).collect();
    json!({
        "messages": depths.messages.values().sum::<u64>(), "recipients": depths.waiting(), "notices": depths.notices, "bytes": depths.bytes,
        "oldest_s": depths.oldest, "active_age_s": depths.active_age(), "queues": queues, "ages": ages, "destinations": destinations,
        "providers": providers, "causes": causes,
        "expiring": expiring, "lifetime_s": look.lifetimes.mail, "notice_lifetime_s": look.lifetimes.notices,
        "frozen_lifetime_s": look.lifetimes.frozen, "complete": look.complete, "took_s": look.took.as_secs_f64(),
        "not_understood": depths.strange,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_drains_and_what_comes_back_is_said_as_far_as_it_is_known() {
        assert_eq!(outlook_text(&json!({"drain_per_s": null, "empty_in_s": null, "forecast": []})), "");
        let draining = outlook_text(&json!({"drain_per_s": 0.5, "empty_in_s": 7_200.0, "forecast": [
            {"domain": "example.net", "expiring": 8, "expected": 6, "acceptance": {"value": 0.25, "numerator": 5, "n": 20}},
            {"domain": "example.org", "expiring": 2, "expected": 2, "acceptance": {"value": null, "numerator": 0, "n": 0}},
        ]}));
        assert!(draining.starts_with("drains by 1800 recipients an hour, empty in about 2 h\n"), "{draining}");
        assert!(draining.contains("6 of 8 messages (25 % of 20 accepted in the last hour)"), "{draining}");
        assert!(draining.contains("2 of 2 messages (nothing was tried there in the last hour)"), "{draining}");
        assert_eq!(outlook_text(&json!({"drain_per_s": -0.01, "empty_in_s": null})), "grows by 36 recipients an hour\n");
    }
}
