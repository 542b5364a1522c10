//! Mail by a relay, or straight to the servers of the recipients.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::super::route::{Protection, Relay};
use super::super::send::{FindExchanges, Said, Tried};

/// How long one step of a session may take.
const STEP: Duration = Duration::from_secs(15);
/// Servers of one domain that are tried.
const EXCHANGES: usize = 3;
/// The port of mail servers.
const PORT: u16 = 25;

/// Sends a mail by a relay: one transaction for each recipient, so that the answer to each is known.
pub(crate) async fn by_relay(relay: &Relay, host: &str, from: &str, to: &[String], mail: &[u8]) -> Tried {
    let transport = match transport(relay, host) {
        Ok(transport) => transport,
        Err(text) => return Tried::said(Said::Refused, &text),
    };
    let mut all = Vec::new();
    for to in to {
        all.push((to.clone(), one(&transport, from, to, mail).await));
    }
    together(all)
}

/// Sends a mail to the servers of its recipients.
pub(crate) async fn direct(exchanges: &dyn FindExchanges, host: &str, from: &str, to: &[String], mail: &[u8]) -> Tried {
    direct_at(PORT, exchanges, host, from, to, mail).await
}

async fn direct_at(port: u16, exchanges: &dyn FindExchanges, host: &str, from: &str, to: &[String], mail: &[u8]) -> Tried {
    let mut all = Vec::new();
    for to in to {
        let domain = to.rsplit('@').next().unwrap_or_default();
        let servers = match exchanges.of(domain).await {
            Ok(servers) => servers,
            Err(text) => {
                all.push((to.clone(), Tried::said(Said::Deferred, &format!("the mail servers of {domain} cannot be found: {text}"))));
                continue;
            }
        };
        let mut last = Tried::said(Said::Deferred, &format!("{domain} has no mail server"));
        for server in servers.into_iter().take(EXCHANGES) {
            let relay = Relay { host: server, port, protection: Protection::WhereOffered, login: None };
            last = match transport(&relay, host) {
                Ok(transport) => one(&transport, from, to, mail).await,
                Err(text) => Tried::said(Said::Refused, &text),
            };
            if last.said != Said::Deferred {
                break;
            }
        }
        all.push((to.clone(), last));
    }
    together(all)
}

/// One answer out of those for each recipient: it is accepted when it is for all, and names those that it is for.
fn together(all: Vec<(String, Tried)>) -> Tried {
    let has = |said| all.iter().any(|(_, tried)| tried.said == said);
    let said = [Said::Deferred, Said::Refused].into_iter().find(|said| has(*said)).unwrap_or(Said::Accepted);
    let several = all.len() > 1;
    let answer = |(to, tried): &(String, Tried)| if several { format!("{to}: {}", tried.reply) } else { tried.reply.clone() };
    let reply = all.iter().map(answer).collect::<Vec<_>>().join("; ");
    let reached = all.iter().filter(|(_, tried)| tried.said == Said::Accepted).map(|(to, _)| to.clone()).collect();
    let queue_ids = all.into_iter().flat_map(|(_, tried)| tried.queue_ids).collect();
    Tried { queue_ids, reached, ..Tried::said(said, &reply) }
}

fn transport(relay: &Relay, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let checked = || TlsParameters::new(relay.host.clone()).map_err(|error| format!("TLS for {}: {error}", relay.host));
    let tls = match relay.protection {
        Protection::Tls => Tls::Wrapper(checked()?),
        Protection::StartTls => Tls::Required(checked()?),
        Protection::WhereOffered => {
            // Without a demand for TLS a certificate proves nothing: encrypted to anybody is better than in clear.
            let unchecked = TlsParameters::builder(relay.host.clone()).dangerous_accept_invalid_certs(true).build_rustls();
            Tls::Opportunistic(unchecked.map_err(|error| format!("TLS for {}: {error}", relay.host))?)
        }
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay.host.clone())
        .port(relay.port)
        .tls(tls)
        .timeout(Some(STEP))
        .hello_name(ClientId::Domain(host.to_owned()));
    if let Some((user, password)) = &relay.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(builder.build())
}

async fn one(transport: &AsyncSmtpTransport<Tokio1Executor>, from: &str, to: &str, mail: &[u8]) -> Tried {
    let address = |text: &str| text.parse::<Address>().map_err(|error| format!("{text}: {error}"));
    let envelope = address(from)
        .and_then(|from| Ok((from, address(to)?)))
        .and_then(|(from, to)| Envelope::new(Some(from), vec![to]).map_err(|error| error.to_string()));
    let envelope = match envelope {
        Ok(envelope) => envelope,
        Err(text) => return Tried::said(Said::Refused, &text),
    };
    match transport.send_raw(&envelope, mail).await {
        Ok(response) => accepted(&response),
        Err(error) => {
            let said = if error.is_permanent() { Said::Refused } else { Said::Deferred };
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            let text = error.to_string();
            let text = if text.contains(source.trim_start_matches(": ")) { text } else { format!("{text}{source}") };
            Tried::said(said, &text)
        }
    }
}

fn accepted(response: &Response) -> Tried {
    let text = format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "));
    Tried { queue_ids: queue_id(&text).into_iter().collect(), ..Tried::said(Said::Accepted, &text) }
}

/// The queue id in the reply to a message: `queued as 4XYZ` (Postfix), `OK id=1abc-...` (Exim), `4XYZ Message accepted` (Sendmail, OpenSMTPD).
pub fn queue_id(reply: &str) -> Option<String> {
    let fit = |word: &str| {
        let word = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        let fits = (4..=40).contains(&word.len()) && word.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
        fits.then(|| word.to_owned())
    };
    if let Some((_, rest)) = reply.split_once("queued as ").or_else(|| reply.split_once("id=")) {
        return rest.split_whitespace().next().and_then(fit);
    }
    let (before, _) = reply.split_once(" Message accepted")?;
    before.split_whitespace().last().and_then(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ids_are_found_in_the_replies_of_servers() {
        for (reply, id) in [
            ("250 2.0.0 Ok: queued as 4XYZ1234", Some("4XYZ1234")),
            ("250 OK id=1tABCD-000000001Xy-2zAB", Some("1tABCD-000000001Xy-2zAB")),
            ("250 2.0.0 4AB1x2y3012345 Message accepted for delivery", Some("4AB1x2y3012345")),
            ("250 2.0.0 thanks", None),
            ("250 queued as ", None),
        ] {
            assert_eq!(queue_id(reply).as_deref(), id, "{reply}");
        }
    }

    /// Mail servers of made-up domains, all on one port.
    struct Zone;

    impl FindExchanges for Zone {
        fn of<'a>(&'a self, domain: &'a str) -> crate::notify::send::Exchanges<'a> {
            let servers = match domain {
                "two.example" => Ok(vec!["127.0.0.9".to_owned(), "127.0.0.1".to_owned()]),
                "one.example" => Ok(vec!["127.0.0.1".to_owned()]),
                "none.example" => Ok(Vec::new()),
                _ => Err("no such domain".to_owned()),
            };
            Box::pin(async move { servers })
        }
    }

    /// A server that takes `sessions` sessions and refuses recipients whose name begins with `no`; what it was given.
    fn server(sessions: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{BufRead, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serve = move || {
            let mut given = Vec::new();
            for _ in 0..sessions {
                let (stream, _) = listener.accept().expect("a session");
                let mut out = stream.try_clone().expect("a handle");
                out.write_all(b"220 mx.example ready\r\n").expect("said");
                let mut in_data = false;
                for line in std::io::BufReader::new(stream).lines() {
                    let Ok(line) = line else { break };
                    let word = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
                    let answer: &[u8] = match word.as_str() {
                        _ if in_data && line != "." => continue,
                        "." => b"250 2.0.0 Ok: queued as 4DIRECT1\r\n",
                        "EHLO" => b"250 mx.example\r\n",
                        "RCPT" if line.to_ascii_lowercase().contains("<no") => b"550 5.1.1 no such user\r\n",
                        "DATA" => b"354 go on\r\n",
                        "QUIT" => b"221 bye\r\n",
                        _ => b"250 ok\r\n",
                    };
                    in_data = word == "DATA";
                    given.push(line);
                    if out.write_all(answer).is_err() || word == "QUIT" {
                        break;
                    }
                }
            }
            given
        };
        (port, std::thread::spawn(serve))
    }

    fn sent(port: u16, to: &[&str]) -> Tried {
        let to: Vec<String> = to.iter().map(|to| (*to).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(direct_at(port, &Zone, "host.example", "mailvane@host.example", &to, b"Subject: x\r\n\r\nx\r\n"))
    }

    #[test]
    fn a_notice_goes_straight_to_the_next_server_when_the_first_is_down() {
        let (port, server) = server(1);
        let tried = sent(port, &["ops@two.example"]);
        assert_eq!((tried.said, tried.queue_ids), (Said::Accepted, vec!["4DIRECT1".to_owned()]), "{}", tried.reply);
        let given = server.join().expect("it ended");
        assert!(given.iter().any(|line| line == "RCPT TO:<ops@two.example>"), "{given:?}");
    }

    #[test]
    fn who_is_refused_or_not_found_is_told_apart() {
        let (port, server) = server(1);
        let tried = sent(port, &["nobody@one.example"]);
        assert_eq!(tried.said, Said::Refused);
        assert!(tried.reply.contains("no such user"), "{}", tried.reply);
        server.join().expect("it ended");
        for (to, words) in [("ops@lost.example", "cannot be found"), ("ops@none.example", "has no mail server")] {
            let tried = sent(port, &[to]);
            assert_eq!(tried.said, Said::Deferred);
            assert!(tried.reply.contains(words), "{}", tried.reply);
        }
    }

    #[test]
    fn one_recipient_that_is_not_reached_is_enough_for_the_next_route() {
        let said = |all: &[Said]| together(all.iter().map(|said| (String::new(), Tried::said(*said, "x"))).collect()).said;
        assert_eq!(said(&[Said::Accepted, Said::Accepted]), Said::Accepted);
        assert_eq!(said(&[Said::Accepted, Said::Refused]), Said::Refused);
        assert_eq!(said(&[Said::Refused, Said::Deferred]), Said::Deferred);
        let all = [("a@example.org", Said::Accepted), ("b@example.org", Said::Refused)];
        let tried = together(all.iter().map(|(to, said)| ((*to).to_owned(), Tried::said(*said, "x"))).collect());
        assert_eq!((tried.reached, tried.reply.as_str()), (vec!["a@example.org".to_owned()], "a@example.org: x; b@example.org: x"));
    }
}
