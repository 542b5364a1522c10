//! Name servers over the network: UDP, then TCP when an answer is too long, with a time limit and one repetition.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailvane_model::Time;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Boxed, Lookup, Outcome, Question, Reply, wire};
use hickory_resolver::proto::rr::{Name, RecordType};

/// Questions that one process has under way at once; more wait. A resolver at home drops bursts larger than this.
pub const IN_FLIGHT_LIMIT: usize = 128;
/// Most bytes of one answer over UDP.
const DATAGRAM_LIMIT: usize = 4096;
/// Packets read for one question before we give up: late and forged ones count too.
const PACKET_LIMIT: usize = 32;

/// How long a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one try.
    pub each: Duration,
    /// Tries in all, at least 1.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { each: Duration::from_millis(1500), tries: 2 }
    }
}

/// One name server.
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
    patience: Patience,
    in_flight: Arc<Semaphore>,
}

impl Server {
    /// A server with a limit of questions of its own.
    pub fn new(address: SocketAddr, patience: Patience) -> Self {
        Server { address, patience, in_flight: Arc::new(Semaphore::new(IN_FLIGHT_LIMIT)) }
    }

    /// Another server that shares the limit of this one.
    pub fn beside(&self, address: SocketAddr) -> Self {
        Server { address, ..self.clone() }
    }

    /// Its address and port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    async fn reply(&self, question: &Question) -> Reply {
        let started = Instant::now();
        let asked = match wire::to_wire(&question.name) {
            Ok(asked) => asked,
            Err(defect) => return Reply::bare(question.clone(), self.address, now(), Outcome::BadName(defect)),
        };
        let mut reply = match self.exchange(&asked, wire::record_type(question.kind), |id| wire::encode(question, id)).await {
            Ok((decoded, size)) => {
                let said = wire::read(&decoded.message, question);
                let mut reply = Reply::bare(question.clone(), self.address, now(), said.outcome);
                reply.ttl = said.ttl;
                reply.authoritative = decoded.message.metadata.authoritative;
                reply.authentic = decoded.message.metadata.authentic_data;
                reply.size = size;
                reply.aliases = said.aliases;
                reply.raw = said.raw;
                reply
            }
            Err(outcome) => Reply::bare(question.clone(), self.address, now(), outcome),
        };
        reply.took = started.elapsed();
        reply
    }

    /// One question and its answer, tried as often as patience says.
    pub(super) async fn exchange(
        &self,
        asked: &Name,
        kind: RecordType,
        encode: impl Fn(u16) -> Result<Vec<u8>, String>,
    ) -> Result<(wire::Decoded, usize), Outcome> {
        let _slot = self.in_flight.acquire().await.map_err(|_| Outcome::Unreachable("shutting down".to_owned()))?;
        let mut last = Outcome::Timeout;
        for _ in 0..self.patience.tries.max(1) {
            let id = random_id();
            let bytes = encode(id).map_err(Outcome::BadName)?;
            match self.once(id, &bytes, asked, kind).await {
                Ok(answer) => return Ok(answer),
                Err(outcome) => last = outcome,
            }
        }
        Err(last)
    }

    async fn once(&self, id: u16, bytes: &[u8], asked: &Name, kind: RecordType) -> Result<(wire::Decoded, usize), Outcome> {
        let udp = timeout(self.patience.each, self.over_udp(id, bytes, asked, kind)).await;
        match udp.unwrap_or(Err(Outcome::Timeout))? {
            (decoded, _) if decoded.truncated => {
                timeout(self.patience.each, self.over_tcp(id, bytes, asked, kind)).await.unwrap_or(Err(Outcome::Timeout))
            }
            answer => Ok(answer),
        }
    }

    async fn over_udp(&self, id: u16, bytes: &[u8], asked: &Name, kind: RecordType) -> Result<(wire::Decoded, usize), Outcome> {
        let any: IpAddr = if self.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await.map_err(unreachable)?;
        socket.connect(self.address).await.map_err(unreachable)?;
        socket.send(bytes).await.map_err(unreachable)?;
        let mut buffer = vec![0; DATAGRAM_LIMIT];
        for _ in 0..PACKET_LIMIT {
            let length = socket.recv(&mut buffer).await.map_err(unreachable)?;
            if let Some(decoded) = wire::decode(&buffer[..length], id, asked, kind) {
                return decoded.map(|decoded| (decoded, length)).map_err(Outcome::Malformed);
            }
        }
        Err(Outcome::Malformed(format!("{PACKET_LIMIT} packets that do not fit the question")))
    }

    async fn over_tcp(&self, id: u16, bytes: &[u8], asked: &Name, kind: RecordType) -> Result<(wire::Decoded, usize), Outcome> {
        let mut stream = TcpStream::connect(self.address).await.map_err(unreachable)?;
        let length = u16::try_from(bytes.len()).map_err(|_| Outcome::BadName("a question over 64 KiB".to_owned()))?;
        stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(unreachable)?;
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.map_err(unreachable)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(head))];
        stream.read_exact(&mut answer).await.map_err(unreachable)?;
        let size = answer.len();
        let decoded =
            wire::decode(&answer, id, asked, kind).ok_or_else(|| Outcome::Malformed("another question's answer over TCP".to_owned()))?;
        decoded.map(|decoded| (decoded, size)).map_err(Outcome::Malformed)
    }
}

impl Lookup for Server {
    fn ask<'a>(&'a self, question: &'a Question) -> Boxed<'a, Reply> {
        Box::pin(self.reply(question))
    }
}

/// The resolvers of this machine (`/etc/resolv.conf`), in its order.
pub fn of_this_machine() -> io::Result<Vec<SocketAddr>> {
    let (configuration, _) = hickory_resolver::system_conf::read_system_conf().map_err(|error| io::Error::other(error.to_string()))?;
    let mut addresses = Vec::new();
    for server in configuration.name_servers() {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let address = SocketAddr::new(server.ip, port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn unreachable(error: io::Error) -> Outcome {
    Outcome::Unreachable(error.to_string())
}

/// The time of an answer. Reading the clock belongs to the network, as the answer does.
pub(super) fn now() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

/// An id that cannot be guessed by who forges answers.
fn random_id() -> u16 {
    let mut bytes = [0; 2];
    // Without the system's randomness the port of the socket still is random; an answer is then easier to forge, not wrong.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::loopback::{Loopback, Signed};
    use crate::lookup::scripted::block_on;
    use crate::lookup::{Kind, Resolver};

    const QUICK: Patience = Patience { each: Duration::from_millis(60), tries: 2 };
    const CALM: Patience = Patience { each: Duration::from_secs(10), tries: 1 };

    async fn ask(address: SocketAddr, patience: Patience, name: &str, kind: Kind) -> Reply {
        Resolver::new(vec![Arc::new(Server::new(address, patience))]).ask(name, kind).await
    }

    #[test]
    fn records_of_a_real_server() {
        block_on(async {
            let at = Loopback::zone(Signed::No).await.address;
            let mx = ask(at, CALM, "Example.TEST", Kind::Mx).await;
            assert_eq!((mx.pointed(), mx.ttl, mx.authoritative), (vec!["mx.example.test".to_owned()], Some(300), true));
            assert_eq!(ask(at, CALM, "example.test", Kind::Txt).await.texts(), ["v=spf1 mx -all"]);
            assert_eq!(ask(at, CALM, "mx.example.test", Kind::Mx).await.outcome, Outcome::NoData);
            assert_eq!(ask(at, CALM, "none.example.test", Kind::A).await.outcome, Outcome::NxDomain);
            assert_eq!(ask(at, CALM, "example.org", Kind::A).await.outcome, Outcome::Refused);
        });
    }

    #[test]
    fn a_long_answer_comes_over_tcp() {
        block_on(async {
            let at = Loopback::zone(Signed::No).await.address;
            let reply = ask(at, CALM, "long.example.test", Kind::Txt).await;
            assert_eq!(reply.texts().len(), 4);
            assert!(reply.size > usize::from(wire::UDP_PAYLOAD));
        });
    }

    #[test]
    fn silence_is_a_timeout_and_a_closed_port_is_not_reachable() {
        block_on(async {
            let (silent, socket) = Loopback::silent().await;
            assert_eq!(ask(silent, QUICK, "example.test", Kind::A).await.outcome, Outcome::Timeout);
            drop(socket);
            let closed = ask(silent, QUICK, "example.test", Kind::A).await.outcome;
            assert!(matches!(closed, Outcome::Unreachable(_)), "{closed:?}");
        });
    }

    #[test]
    fn codes_are_kept_apart_and_strange_packets_left_alone() {
        block_on(async {
            assert_eq!(ask(Loopback::failing(2).await, CALM, "example.test", Kind::A).await.outcome, Outcome::ServFail(String::new()));
            assert_eq!(ask(Loopback::failing(5).await, CALM, "example.test", Kind::A).await.outcome, Outcome::Refused);
            assert!(matches!(ask(Loopback::failing(1).await, CALM, "example.test", Kind::A).await.outcome, Outcome::Code(_)));
        });
    }

    #[test]
    fn a_name_that_cannot_be_asked_is_not_asked() {
        let at = SocketAddr::from(([127, 0, 0, 1], 9));
        assert!(matches!(block_on(ask(at, QUICK, "a..b", Kind::A)).outcome, Outcome::BadName(_)));
    }
}
