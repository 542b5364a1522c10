//! `mailvane probe`: one server, in full, and what to do about it.

mod round_trip;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mailvane_model::{Network, Time};
use mailvane_probe::dns::dnsbl::{Dnsbl, Listed};
use mailvane_probe::fetch::{Fetch, Https};
use mailvane_probe::lookup::network::{Patience, Server};
use mailvane_probe::lookup::validate::Anchors;
use mailvane_probe::service::bare::Bare;
use mailvane_probe::service::control::Controls;
use mailvane_probe::service::imap::Imap;
use mailvane_probe::service::pop3::Pop3;
use mailvane_probe::service::smtp::{MARK, Own, Smtp, Use};
use mailvane_probe::service::web::Web;
use mailvane_probe::service::{Encryption, Login, Service};
use mailvane_probe::talk::tls::Trust;
use mailvane_probe::{Check, Finding, Panel, State};

use super::check::{Progress, resolvers, text};
use super::output::Output;
use crate::json::object::Object;
use crate::json::report::list;
use crate::{Ending, cli, json};

/// Runs it.
pub(crate) fn run(arguments: &cli::Probe, now: Time) -> Result<Ending> {
    let checks = checks(arguments)?;
    let (given, as_json) = match arguments {
        cli::Probe::Smtp(arguments) => (&arguments.hosts.resolver, arguments.hosts.json),
        cli::Probe::Imap(hosts) | cli::Probe::Pop3(hosts) | cli::Probe::Tls(hosts) | cli::Probe::Http(hosts) => {
            (&hosts.resolver, hosts.json)
        }
        cli::Probe::Dnsbl(arguments) => (&arguments.resolver, arguments.json),
        cli::Probe::Roundtrip(arguments) => (&arguments.resolver, arguments.json),
    };
    let servers: Vec<Server> =
        // A probe of an address needs no name server.
        resolvers(given).unwrap_or_default().into_iter().map(|address| Server::new(address, Patience::default())).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start")?;
    let findings = runtime.block_on(look(&checks, &servers, !given.is_empty(), now));
    let mut out = Output::new(std::io::stdout().lock());
    if as_json {
        print_json(&mut out.buffer, &findings, now);
        out.end_line();
    } else {
        out.buffer.extend_from_slice(print_text(&checks, &findings, text::Style::of_stdout()).as_bytes());
    }
    out.finish()?;
    let bad = findings.iter().any(|finding| finding.state == State::Problem);
    if !bad && !findings.is_empty() && findings.iter().all(|finding| finding.state == State::Unknown) {
        bail!("nothing could be found out: {}", findings[0].title);
    }
    Ok(if bad { Ending::Problems } else { Ending::Fine })
}

/// The checks that a command asks for.
pub(crate) fn checks(arguments: &cli::Probe) -> Result<Vec<Box<dyn Check>>> {
    match arguments {
        cli::Probe::Smtp(arguments) => smtp(arguments),
        cli::Probe::Imap(hosts) => each(hosts, &[(143, Encryption::OnDemand), (993, Encryption::Immediate)], 993, imap),
        cli::Probe::Pop3(hosts) => each(hosts, &[(110, Encryption::OnDemand), (995, Encryption::Immediate)], 995, pop3),
        cli::Probe::Tls(hosts) => each(hosts, &[], 443, bare),
        cli::Probe::Http(hosts) => web(hosts),
        cli::Probe::Dnsbl(arguments) => Ok(dnsbl(arguments)),
        cli::Probe::Roundtrip(arguments) => round_trip::check(arguments).map(|check| vec![check]),
    }
}

async fn look(checks: &[Box<dyn Check>], servers: &[Server], chosen: bool, now: Time) -> Vec<Finding> {
    let web: Arc<dyn Fetch> = Arc::new(Https::default());
    let panel = Panel::over_network(now, servers, chosen, &web, &Anchors::default());
    let mut progress = Progress::new(checks.len());
    let mut findings = panel.run_all(checks, |_, _| progress.step()).await;
    progress.end();
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.state, finding.severity)));
    findings
}

fn print_json(out: &mut Vec<u8>, findings: &[Finding], now: Time) {
    let mut object = Object::open(out);
    let count = |state| findings.iter().filter(|finding| finding.state == state).count() as u64;
    object.time("time", Some(now), 0);
    object.number("problems", count(State::Problem)).number("warnings", count(State::Warning)).number("unknown", count(State::Unknown));
    object.value("findings", |out| list(out, findings, json::check::finding));
    object.close();
}

fn print_text(checks: &[Box<dyn Check>], findings: &[Finding], style: text::Style) -> String {
    let mut subjects: Vec<&str> = checks.iter().map(|check| check.subject()).collect();
    subjects.dedup();
    let mut out = format!("{}: {}\n", style.paint("1", &subjects.join(", ")), text::counts(findings, style));
    text::findings(&mut out, findings, style);
    out
}

fn smtp(arguments: &cli::ProbeSmtp) -> Result<Vec<Box<dyn Check>>> {
    let purpose = arguments.purpose.as_deref().map(purpose).transpose()?;
    let own = arguments.own.then(|| own(arguments)).transpose()?;
    let mut checks: Vec<Box<dyn Check>> = Vec::new();
    for text in &arguments.hosts.hosts {
        let (host, port) = host_and_port(text)?;
        let default = purpose.map_or(25, |purpose| if purpose == Use::Submissions { 465 } else { 587 });
        let port = port.unwrap_or(if purpose == Some(Use::Exchange) { 25 } else { default });
        let purpose = purpose.unwrap_or(Use::of_port(port));
        let mut probe = Smtp::new(service(&arguments.hosts, &host, port, purpose.encryption())?, purpose);
        probe.helo = arguments.helo.clone().unwrap_or_else(helo);
        probe.own.clone_from(&own);
        checks.push(Box::new(probe));
    }
    Ok(checks)
}

fn purpose(word: &str) -> Result<Use> {
    match word {
        "exchange" => Ok(Use::Exchange),
        "submission" => Ok(Use::Submission),
        "submissions" => Ok(Use::Submissions),
        _ => bail!("--as {word}: use exchange, submission or submissions"),
    }
}

fn own(arguments: &cli::ProbeSmtp) -> Result<Own> {
    let network = |text: &String| Network::parse(text).with_context(|| format!("--trusted {text}: write a network, as 192.0.2.0/24"));
    let trusted = arguments.trusted.iter().map(network).collect::<Result<Vec<_>>>()?;
    Ok(Own { domains: arguments.domain.clone(), trusted: (!trusted.is_empty()).then_some(trusted) })
}

/// The name of probes: it begins with the mark by which our own log analysis knows them.
fn helo() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.contains('.') { format!("{MARK}.{name}") } else { format!("{MARK}.invalid") }
}

type Make = fn(Service) -> Box<dyn Check>;

fn imap(service: Service) -> Box<dyn Check> {
    Box::new(Imap { service })
}

fn pop3(service: Service) -> Box<dyn Check> {
    Box::new(Pop3 { service })
}

fn bare(service: Service) -> Box<dyn Check> {
    Box::new(Bare { service })
}

/// Hosts of a protocol with usual ports; other ports take TLS as `otherwise` does.
fn each(arguments: &cli::ProbeHosts, ports: &[(u16, Encryption)], otherwise: u16, make: Make) -> Result<Vec<Box<dyn Check>>> {
    let mut checks = Vec::new();
    for text in &arguments.hosts {
        // `starttls:` before a host says that TLS begins on demand, on whatever port.
        let (on_demand, text) = text.strip_prefix("starttls:").map_or((false, text.as_str()), |rest| (true, rest));
        let (host, port) = host_and_port(text)?;
        let port = port.unwrap_or(otherwise);
        let known = ports.iter().find(|(known, _)| *known == port).map(|(_, encryption)| *encryption);
        let encryption = if on_demand { Encryption::OnDemand } else { known.unwrap_or(Encryption::Immediate) };
        checks.push(make(service(arguments, &host, port, encryption)?));
    }
    Ok(checks)
}

fn web(arguments: &cli::ProbeHosts) -> Result<Vec<Box<dyn Check>>> {
    let mut checks: Vec<Box<dyn Check>> = Vec::new();
    for text in &arguments.hosts {
        let (encryption, usual, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Encryption::Never, 80, rest),
            Some(("https", rest)) => (Encryption::Immediate, 443, rest),
            None => (Encryption::Immediate, 443, text.as_str()),
            Some((scheme, _)) => bail!("{text}: {scheme} is not http or https"),
        };
        let (place, path) = rest.split_once('/').map_or((rest, "/".to_owned()), |(place, path)| (place, format!("/{path}")));
        if path.contains(|letter: char| letter.is_control() || letter == ' ') {
            bail!("{text}: a path has no spaces");
        }
        let (host, port) = host_and_port(place)?;
        checks.push(Box::new(Web { service: service(arguments, &host, port.unwrap_or(usual), encryption)?, path }));
    }
    Ok(checks)
}

fn dnsbl(arguments: &cli::ProbeDnsbl) -> Vec<Box<dyn Check>> {
    let listed = arguments.what.iter().map(|text| match text.parse::<IpAddr>() {
        Ok(address) => Listed::Address(address),
        Err(_) => Listed::Domain(mailvane_probe::lookup::name::canonical(text)),
    });
    listed.flat_map(|listed| Dnsbl::all(&listed)).map(|check| Box::new(check) as Box<dyn Check>).collect()
}

fn service(arguments: &cli::ProbeHosts, host: &str, port: u16, encryption: Encryption) -> Result<Service> {
    let mut service = Service::new(host, port, encryption);
    service.addresses.clone_from(&arguments.address);
    service.from = arguments.from;
    service.step = Duration::from_secs(arguments.timeout.clamp(1, 120));
    service.connect = service.step.min(service.connect);
    service.thorough = !arguments.quick;
    if let Some(path) = &arguments.ca {
        service.trust = trust(path)?;
    }
    if let (Some(user), Some(path)) = (&arguments.user, &arguments.password_file) {
        let password = std::fs::read_to_string(path).with_context(|| format!("cannot read the password file {}", path.display()))?;
        service.login = Some(Login { user: user.clone(), password: password.trim_end_matches(['\r', '\n']).to_owned() });
    }
    if !arguments.control.is_empty() {
        service.controls = controls(&arguments.control)?;
    }
    Ok(service)
}

pub(crate) fn trust(path: &Path) -> Result<Trust> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut trust = Trust::default();
    trust.add_pem(&pem).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(trust)
}

fn controls(given: &[String]) -> Result<Controls> {
    let mut controls = Controls { exchanges: Vec::new(), others: Vec::new() };
    for text in given {
        let (host, port) = host_and_port(text)?;
        let port = port.with_context(|| format!("--control {text}: write HOST:PORT"))?;
        if port == 25 { &mut controls.exchanges } else { &mut controls.others }.push((host, port));
    }
    Ok(controls)
}

/// `host`, `host:port`, `192.0.2.1:25`, `2001:db8::1`, `[2001:db8::1]:25`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>)> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok((address.to_string(), None));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), Some(address.port())));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().with_context(|| format!("{text}: `{port}` is no port"))?)),
        None => (text, None),
    };
    let fine = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !fine {
        bail!("`{text}` is no server: write HOST or HOST:PORT");
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_every_form() {
        for (text, host, port) in [
            ("mail.example.com", "mail.example.com", None),
            ("mail.example.com:587", "mail.example.com", Some(587)),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:25", "192.0.2.1", Some(25)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:465", "2001:db8::1", Some(465)),
        ] {
            assert_eq!(host_and_port(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in ["", ":25", "mail.example.com:smtp", "a b", "host/path"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }
}
