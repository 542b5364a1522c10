//! `mailvane explain`: what a reply means, whose fault it is, and what to do.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Result, bail};
use mailvane_model::verdict::Verdict;
use mailvane_model::word::Stage;
use mailvane_parse::mta::exim;
use mailvane_parse::mta::postfix::{DeliveryStatus, Event};
use mailvane_parse::mta::{opensmtpd, sendmail};
use mailvane_parse::{Body, head};
use mailvane_reply::explain::{self, Explanation};
use mailvane_reply::judge::{Failure, Judge, Weighing};
use mailvane_reply::provider::Providers;
use mailvane_reply::{codes, dialogue, quoted};

use super::output::Output;
use crate::json::object::{Object, string};
use crate::json::report::list;
use crate::{Ending, cli, rules};

/// What is needed to explain.
struct Explainer {
    judge: Judge,
    providers: Providers,
    provider: String,
}

/// One thing to explain, taken apart.
#[derive(Default)]
struct Asked {
    text: String,
    enhanced_code: String,
    provider: String,
    deferred: Option<bool>,
    /// Whether this server said it, to a client.
    own: bool,
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Explain) -> Result<Ending> {
    let rules = rules::install(arguments.rules.rules.as_deref())?;
    let provider = arguments.provider.as_deref().map(|name| provider_id(&rules.providers, name)).unwrap_or_default();
    let explainer = Explainer { judge: rules.judge.clone(), providers: rules.providers.clone(), provider };
    if arguments.reply.is_empty() && std::io::stdin().is_terminal() {
        bail!("explain what? Give a reply, a log line, a code or a command: mailvane explain \"550 5.7.26 ...\"");
    }
    if arguments.reply.is_empty() || arguments.reply == ["-"] {
        return explainer.stream();
    }
    let reply = arguments.reply.join(" ");
    let mut out = Output::new(std::io::stdout().lock());
    if arguments.json {
        explainer.json(&reply, &mut out.buffer);
        out.end_line();
    } else {
        out.buffer.extend_from_slice(explainer.text(&reply).as_bytes());
    }
    out.finish()?;
    Ok(Ending::Fine)
}

/// The id of a provider: named by id, by name, or by a host of it.
fn provider_id(providers: &Providers, name: &str) -> String {
    let known = providers.all().iter().find(|provider| provider.id.eq_ignore_ascii_case(name) || provider.name.eq_ignore_ascii_case(name));
    known.map_or_else(|| providers.of_host(name).to_owned(), |provider| provider.id.clone())
}

impl Explainer {
    /// One reply a line on standard input, one object a line in the same order.
    fn stream(&self) -> Result<Ending> {
        let mut output = Output::new(std::io::stdout().lock());
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 || output.is_broken() {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            self.json(text.trim_end_matches(['\r', '\n']), &mut output.buffer);
            output.end_line();
        }
        output.finish()?;
        Ok(Ending::Fine)
    }

    /// Takes apart what was asked: a whole log line, or a reply.
    fn asked(&self, text: &str) -> Asked {
        let record = head::record(text.as_bytes());
        let own = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let plain = Asked { text: text.to_owned(), provider: self.provider.clone(), ..Asked::default() };
        let with_provider = |host: &[u8]| {
            if self.provider.is_empty() { self.providers.of_host(&own(host)).to_owned() } else { self.provider.clone() }
        };
        let line = match &record.body {
            Body::Postfix(line) => line,
            Body::Sendmail(line) => {
                return match &line.event {
                    sendmail::Event::Delivery(delivery) => Asked {
                        text: own(delivery.words()),
                        enhanced_code: own(delivery.dsn),
                        provider: with_provider(delivery.relay.name),
                        deferred: Some(delivery.dsn.starts_with(b"4") || delivery.stat.starts_with(b"Deferred")),
                        own: false,
                    },
                    sendmail::Event::Decision(decision) => Asked { text: own(decision.text), own: true, ..plain },
                    _ => plain,
                };
            }
            Body::OpenSmtpd(line) => {
                return match &line.event {
                    opensmtpd::Event::Delivery(delivery) => Asked {
                        text: own(delivery.stat),
                        provider: with_provider(delivery.relay.name),
                        deferred: Some(delivery.outcome == opensmtpd::Outcome::TempFail),
                        ..Asked::default()
                    },
                    opensmtpd::Event::FailedCommand { result, .. } => Asked { text: own(result), own: true, ..plain },
                    _ => plain,
                };
            }
            Body::Exim(line) => {
                return match &line.event {
                    exim::Event::Delivery(delivery) => Asked {
                        text: own(delivery.text),
                        provider: with_provider(delivery.host.name),
                        deferred: Some(delivery.flag == exim::Flag::Deferred),
                        ..Asked::default()
                    },
                    exim::Event::HostFailed { host, text } => {
                        Asked { text: own(text), provider: with_provider(host.name), deferred: Some(true), ..Asked::default() }
                    }
                    exim::Event::Rejection(refusal) => {
                        Asked { text: own(refusal.text), deferred: Some(refusal.temporary), own: true, ..plain }
                    }
                    _ => plain,
                };
            }
            _ => return plain,
        };
        match &line.event {
            Event::Delivery(delivery) => Asked {
                text: own(delivery.text),
                enhanced_code: own(delivery.dsn),
                provider: with_provider(delivery.relay.name),
                deferred: Some(matches!(delivery.status, DeliveryStatus::Deferred | DeliveryStatus::SoftBounce)),
                own: false,
            },
            Event::Decision(decision) => Asked { text: own(decision.reply), own: true, ..plain },
            Event::HostSaid { peer, text } => {
                Asked { text: own(text), provider: with_provider(peer.name), deferred: Some(true), ..Asked::default() }
            }
            _ => plain,
        }
    }

    fn weigh(&self, asked: &Asked) -> Weighing {
        let codes = codes::of(&asked.text);
        let temporary = codes.basic / 100 == 4 || (codes.basic == 0 && codes.enhanced.starts_with('4'));
        let failure = Failure {
            provider: &asked.provider,
            text: &asked.text,
            enhanced_code: &asked.enhanced_code,
            stage: Stage::Unknown,
            deferred: asked.deferred.unwrap_or(temporary),
        };
        if asked.own { self.judge.weigh_own(&failure) } else { self.judge.weigh(&failure) }
    }

    fn json(&self, text: &str, out: &mut Vec<u8>) {
        if let Some(phrase) = dialogue::find(text) {
            let mut object = Object::open(out);
            object.string("reply", text).text("reason", "").string("step", phrase.step).string("meaning", phrase.meaning);
            object.close();
            return;
        }
        let asked = self.asked(text);
        let weighing = self.weigh(&asked);
        let verdict = &*weighing.verdict;
        let explanation = explain::verdict(&self.judge, &self.providers, verdict, &asked.provider);
        let codes = codes::of(&asked.text);
        let strings = |out: &mut Vec<u8>, items: &[String]| list(out, items, |out, item| string(out, item));
        let mut object = Object::open(out);
        object
            .string("reply", text)
            .nonzero("reply_code", codes.basic)
            .text("enhanced_code", if codes.enhanced.is_empty() { &asked.enhanced_code } else { codes.enhanced })
            .text("provider", &asked.provider)
            .text("reason", verdict.reason.map_or("", |reason| reason.word()))
            .string("scope", verdict.scope.word())
            .string("fault", verdict.fault.word())
            .flag("permanent", verdict.permanent)
            .flag("retry", verdict.retry)
            .text("rule", &verdict.rule)
            .number("rules_version", self.judge.version())
            .text("matched", &verdict.matched)
            .number("confidence", verdict.confidence)
            .string("title", &explanation.title)
            .string("cause", &explanation.cause)
            .value("steps", |out| strings(out, &explanation.steps))
            .value("links", |out| strings(out, &explanation.links))
            .string("who_acts", explanation.act)
            .text("tell_the_sender", &explanation.tell_sender)
            .text("template", &weighing.template);
        let quoted = quoted::of(codes::said(&asked.text).reply);
        let ips: Vec<String> = quoted.ips.iter().map(ToString::to_string).collect();
        object.value("quoted_ips", |out| strings(out, &ips)).text("list", quoted.list).text("ticket", quoted.ticket);
        object.close();
    }

    fn text(&self, text: &str) -> String {
        if let Some(phrase) = dialogue::find(text) {
            return format!("{}: {}\n{}\n", phrase.name, phrase.step, phrase.meaning);
        }
        let asked = self.asked(text);
        let weighing = self.weigh(&asked);
        let verdict = &*weighing.verdict;
        let explanation = explain::verdict(&self.judge, &self.providers, verdict, &asked.provider);
        let mut page = page(verdict, &explanation, self.providers.name(&asked.provider));
        page.push_str(&told(&quoted::of(codes::said(&asked.text).reply)));
        page
    }
}

/// What a reply names beside its meaning, a line each.
fn told(quoted: &quoted::Quoted<'_>) -> String {
    let ips: Vec<String> = quoted.ips.iter().map(ToString::to_string).collect();
    let parts = [
        ("Our address as they saw it", ips.join(", ")),
        ("The list it names", quoted.list.to_owned()),
        ("Their id of it", quoted.ticket.to_owned()),
    ];
    parts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn page(verdict: &Verdict, explanation: &Explanation, provider: &str) -> String {
    let reason = verdict.reason.map_or("unclassified", |reason| reason.word());
    let at = if provider.is_empty() { String::new() } else { format!(" at {provider}") };
    let lasting = if verdict.permanent { "permanent" } else { "temporary" };
    let retry = if verdict.retry { "a retry can succeed" } else { "retrying the same message will not help" };
    let mut text = format!("{}{at}\n  {reason}, about the {}, {lasting}: {retry}\n", explanation.title, verdict.scope);
    text.push_str(&format!("\n{}\n{}\n", explanation.cause, explanation.act));
    if !explanation.steps.is_empty() {
        text.push_str("\nWhat to do\n");
        for (number, step) in explanation.steps.iter().enumerate() {
            text.push_str(&format!("  {}. {step}\n", number + 1));
        }
    }
    for link in &explanation.links {
        text.push_str(&format!("  see {link}\n"));
    }
    if !explanation.tell_sender.is_empty() {
        text.push_str(&format!("\nTell the sender\n  {}\n", explanation.tell_sender));
    }
    let rule = if verdict.rule.is_empty() { "no rule".to_owned() } else { format!("rule {}", verdict.rule) };
    let matched = if verdict.matched.is_empty() { String::new() } else { format!(", by \"{}\"", verdict.matched) };
    text.push_str(&format!("\nFound by {rule}{matched}, confidence {} %\n", verdict.confidence));
    text
}
