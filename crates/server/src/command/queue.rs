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
    let out = if arguments.json { format!("{}\n", json(&look)) } else { text(&look, arguments.top) };
    std::io::stdout().write_all(out.as_bytes()).context("cannot write the queue")?;
    Ok(Ending::Fine)
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

fn text(look: &Look, top: usize) -> String {
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
