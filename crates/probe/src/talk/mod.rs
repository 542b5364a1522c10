//! Conversations with servers, line by line, plain or within TLS: each step timed, all of it kept as evidence.
//!
//! * [`Way`]: how connections are opened. [`Talk`]: one conversation. [`Fault`]: how it can end early.
//! * [`tls`]: the handshake, which takes any certificate and keeps it, and what is to be said of it. [`old_tls`]: versions that are banned.
//! * [`smtp`], [`imap`], [`pop3`], [`http`]: what clients say.

pub mod http;
pub mod imap;
pub mod old_tls;
pub mod pop3;
pub mod smtp;
pub mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailvane_model::Time;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::finding::Evidence;
use tls::{Secured, Trust};

/// Most bytes of one line of a server; longer is not its protocol.
pub const LINE_LIMIT: usize = 16 * 1024;
/// Most bytes that are read in one conversation.
pub const TOTAL_LIMIT: usize = 4 << 20;
/// Most exchanges that are kept of one conversation.
const TRANSCRIPT_LIMIT: usize = 100;

/// How connections are opened, and what is believed of certificates.
#[derive(Clone, Debug)]
pub struct Way {
    /// The address of this machine to come from; `None` leaves it to the system.
    pub from: Option<IpAddr>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long each step after it may take.
    pub step: Duration,
    /// Who may sign certificates.
    pub trust: Trust,
    /// The time of the run.
    pub now: Time,
}

impl Way {
    /// With the usual patience: servers that hold clients off for a while (postscreen, tarpits) still answer within it.
    pub fn new(now: Time, trust: Trust) -> Self {
        Way { from: None, connect: Duration::from_secs(10), step: Duration::from_secs(30), trust, now }
    }
}

/// Why a conversation could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host answers that nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// There is no way there from this machine.
    #[error("no way there from this machine: {0}")]
    NoRoute(String),
    /// The other side ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What came is not the protocol.
    #[error("not the protocol: {0}")]
    Garbage(String),
    /// The handshake failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Something else on the way.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    fn of(error: &io::Error, limit: Duration) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Fault::Refused,
            Kind::TimedOut => Fault::Timeout(limit),
            Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable => {
                Fault::NoRoute(error.to_string())
            }
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => Fault::Closed,
            _ => Fault::Broken(error.to_string()),
        }
    }

    /// Can it be that the other side is well and the way there is not?
    pub const fn may_be_ours(&self) -> bool {
        matches!(self, Fault::Timeout(_) | Fault::NoRoute(_) | Fault::Broken(_))
    }
}

/// A step and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name: `connect`, `greeting`, `ehlo`, `tls`.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
}

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<Any: AsyncRead + AsyncWrite + Send + Unpin> Bytes for Any {}

/// One conversation with one server.
pub struct Talk {
    stream: Box<dyn Bytes>,
    waiting: Vec<u8>,
    read: usize,
    server: SocketAddr,
    here: SocketAddr,
    started: Instant,
    way: Way,
    /// What was said, as evidence.
    pub transcript: Vec<Evidence>,
    /// How long the steps took, in order.
    pub steps: Vec<Step>,
}

impl Talk {
    /// Opens a connection.
    pub async fn open(server: SocketAddr, way: &Way) -> Result<Self, Fault> {
        let started = Instant::now();
        let stream = timeout(way.connect, connect(server, way.from))
            .await
            .map_err(|_| Fault::Timeout(way.connect))?
            .map_err(|error| Fault::of(&error, way.connect))?;
        let here = stream.local_addr().map_err(|error| Fault::of(&error, way.connect))?;
        // Short lines back and forth: waiting to fill packets would only add to the measured time.
        let _ = stream.set_nodelay(true);
        let mut talk = Talk {
            stream: Box::new(stream),
            waiting: Vec::new(),
            read: 0,
            server,
            here,
            started,
            way: way.clone(),
            transcript: Vec::new(),
            steps: Vec::new(),
        };
        talk.took("connect", started);
        Ok(talk)
    }

    /// The address of this side.
    pub const fn here(&self) -> SocketAddr {
        self.here
    }

    /// The address of the other side.
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// The clock of the run, moved on by what the conversation took so far.
    pub fn time(&self) -> Time {
        Time(self.way.now.0 + self.started.elapsed().as_micros() as i64)
    }

    /// Notes that a step which began at `since` has ended.
    pub fn took(&mut self, name: &'static str, since: Instant) {
        self.steps.push(Step { name, took: since.elapsed() });
    }

    /// Keeps an exchange. What must not be seen (passwords) is not handed in.
    pub fn note(&mut self, question: impl Into<String>, answer: impl Into<String>) {
        if self.transcript.len() < TRANSCRIPT_LIMIT {
            let time = self.time();
            self.transcript.push(Evidence::new(question, answer, self.server.to_string(), time));
        }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let limit = self.way.step;
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(limit, sending).await.map_err(|_| Fault::Timeout(limit))?.map_err(|error| Fault::of(&error, limit))
    }

    /// Reads one line, without its end.
    pub async fn line(&mut self) -> Result<String, Fault> {
        let bytes = self.raw_line().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn raw_line(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.waiting) {
                let mut line: Vec<u8> = self.waiting.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.waiting.len() > LINE_LIMIT {
                return Err(Fault::Garbage(format!("a line of more than {LINE_LIMIT} bytes")));
            }
            self.more().await?;
        }
    }

    /// Reads exactly so many bytes.
    pub async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        if count > TOTAL_LIMIT {
            return Err(Fault::Garbage(format!("{count} bytes are announced, more than {TOTAL_LIMIT}")));
        }
        while self.waiting.len() < count {
            self.more().await?;
        }
        Ok(self.waiting.drain(..count).collect())
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let limit = self.way.step;
        let mut buffer = [0; 4096];
        let count = timeout(limit, self.stream.read(&mut buffer))
            .await
            .map_err(|_| Fault::Timeout(limit))?
            .map_err(|error| Fault::of(&error, limit))?;
        if count == 0 {
            return Err(Fault::Closed);
        }
        self.read += count;
        if self.read > TOTAL_LIMIT {
            return Err(Fault::Garbage(format!("more than {TOTAL_LIMIT} bytes in one conversation")));
        }
        self.waiting.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// Bytes that came before they were asked for; reading goes on after them.
    pub fn leftover(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    /// Changes to TLS, for the host name `host`. Any certificate is taken; what it is worth stands in the answer.
    pub async fn secure(mut self, host: &str) -> Result<(Self, Secured), (Fault, Vec<Step>, Vec<Evidence>)> {
        let started = Instant::now();
        let limit = self.way.step;
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        match timeout(limit, tls::handshake(stream, host, &self.way)).await {
            Ok(Ok((stream, secured))) => {
                self.stream = Box::new(stream);
                self.waiting.clear();
                self.took("tls", started);
                self.note("TLS handshake", secured.summary());
                Ok((self, secured))
            }
            Ok(Err(fault)) => {
                self.note("TLS handshake", fault.to_string());
                Err((fault, self.steps, self.transcript))
            }
            Err(_) => Err((Fault::Timeout(limit), self.steps, self.transcript)),
        }
    }

    /// Takes the connection out of the conversation, for what is no protocol of lines.
    pub(crate) async fn exchange_raw(&mut self, bytes: &[u8], count: usize) -> Result<Vec<u8>, Fault> {
        self.send(bytes).await?;
        while self.waiting.len() < count {
            self.more().await?;
        }
        Ok(self.waiting.drain(..count).collect())
    }
}

async fn connect(server: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from.filter(|from| from.is_ipv4() == server.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(server).await
}

/// Trust that is handed around.
pub(crate) type Roots = Arc<rustls::RootCertStore>;
