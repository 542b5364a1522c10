//! `mailvane alerts test`: a real test notice by each route, and what every server answered.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use mailvane_alert::Severity;
use mailvane_alert::notify::route::{Own, Way, depends};
use mailvane_alert::notify::{Receiver, Said};
use mailvane_model::Time;
use mailvane_probe::lookup::network::{self, Patience, Server};
use mailvane_probe::lookup::{Kind, Lookup, Outcome, Resolver};

use crate::alerting::settings::{Plan, host_name};
use crate::alerting::trial::{self, Trial};
use crate::command::serve::{LISTEN, configuration};
use crate::pipeline::span;
use crate::{Ending, alerting, cli, discover, rules};

/// Runs it.
pub(super) fn run(arguments: &cli::AlertsTest, now: Time) -> Result<Ending> {
    let config = configuration(arguments.config.as_deref())?;
    rules::install(config.rules.as_deref())?;
    let found = discover::machine();
    let own = Own {
        host: found.host.unwrap_or_else(host_name),
        domains: config.domains.ours.iter().chain(&found.domains).map(|domain| domain.to_lowercase()).collect(),
        smarthost: found.smarthost,
    };
    let plan = Plan::read(&config.alerts, &config.notify, own, span::zone(None)?)?;
    let wanted = |receiver: &&Receiver| arguments.receiver.as_ref().is_none_or(|name| *name == receiver.name);
    let receivers: Vec<&Receiver> = plan.receivers.iter().filter(wanted).collect();
    if receivers.is_empty() {
        match &arguments.receiver {
            Some(name) => bail!("there is no receiver `{name}`: name it in [notify.{name}]"),
            None => bail!(
                "nobody is to be told: name a receiver in the configuration, for example\n  [notify.ops]\n  email = [\"ops@example.com\"]"
            ),
        }
    }
    let mut out = std::io::stdout();
    for warning in plan.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    let listen = config.listen.clone().unwrap_or_else(|| LISTEN.to_owned());
    let sender = alerting::sender(&plan, &format!("http://{listen}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start")?;
    let trial = |receiver: &str, route: &str| {
        let words = format!("{receiver} {route}");
        trial::notice(
            &Trial { words: &words, host: &plan.own.host, severity: Severity::Info, why: "Somebody ran `mailvane alerts test`." },
            now,
        )
    };
    let mut all_well = true;
    for receiver in receivers {
        for route in &receiver.routes {
            writeln!(out, "{}", route.name)?;
            out.flush()?;
            if let Way::Smtp { from, .. } | Way::Direct { from, .. } = &route.way {
                for remark in runtime.block_on(sender_remarks(from)) {
                    writeln!(out, "  note: {remark}")?;
                }
            }
            if let Some(reason) = depends(&route.way, &plan.own) {
                writeln!(out, "  note: {reason}: it does not arrive when this server is down")?;
            }
            let tried = runtime.block_on(sender.send(&trial(&receiver.name, &route.name), receiver, route, &[]));
            let said = match tried.said {
                Said::Accepted => "accepted",
                Said::Refused => "refused",
                Said::Deferred => "not accepted now",
            };
            all_well &= tried.said == Said::Accepted;
            writeln!(out, "  {said} after {:.1} s: {}", tried.took_ms as f64 / 1000.0, tried.reply)?;
        }
    }
    writeln!(out, "accepted is not arrived: look into the mailbox (and its spam folder) before you rely on it")?;
    Ok(if all_well { Ending::Fine } else { Ending::Problems })
}

/// What DNS says against mail from a sender.
async fn sender_remarks(from: &str) -> Vec<String> {
    let Some((_, domain)) = from.rsplit_once('@') else { return Vec::new() };
    let Ok(servers) = network::of_this_machine() else { return vec![format!("no name server is known: {domain} cannot be checked")] };
    let lookups =
        servers.into_iter().map(|address| std::sync::Arc::new(Server::new(address, Patience::default())) as std::sync::Arc<dyn Lookup>);
    let resolver = Resolver::new(lookups.collect());
    let resolver = &resolver;
    let texts = |name: String| async move {
        let reply = resolver.ask(&name, Kind::Txt).await;
        match &reply.outcome {
            Outcome::Found(_) | Outcome::NoData | Outcome::NxDomain => Ok(reply.texts()),
            other => Err(format!("{name} cannot be looked up: {other}")),
        }
    };
    let mut remarks = Vec::new();
    match texts(domain.to_owned()).await {
        Ok(found) if found.iter().any(|text| text.starts_with("v=spf1")) => {}
        Ok(_) => remarks.push(format!(
            "{domain} has no SPF record: mail from {from} may be taken for spam; choose `from` of a domain that passes DMARC by this route"
        )),
        Err(text) => remarks.push(text),
    }
    match texts(format!("_dmarc.{domain}")).await {
        Ok(found) if found.iter().any(|text| text.starts_with("v=DMARC1")) => {}
        Ok(_) => remarks.push(format!("{domain} has no DMARC record")),
        Err(text) => remarks.push(text),
    }
    remarks
}
