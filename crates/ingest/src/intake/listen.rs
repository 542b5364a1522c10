//! Syslog from sockets: UDP (RFC 5426), TCP with both framings (RFC 6587), TLS (RFC 5425), Unix sockets.
//!
//! A stream is read on only after what came is on disk: a full spool makes senders wait. A datagram cannot wait: when there is no room it is dropped,
//! counted and told.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::framing::{Frames, MESSAGE_BYTES_MAX};
use super::local::{host_name, local_line};
use super::tls::{Pair, Served};
use super::{Intake, LOOK_EVERY};
use crate::error::Error;

/// Connections of one listener; further ones are closed at once, and a sender tries again.
pub const CONNECTIONS_MAX: usize = 256;
/// Bytes of datagrams that are brought to disk together.
const BATCH_BYTES: usize = 1 << 20;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `udp://127.0.0.1:5514`
    Udp(SocketAddr),
    /// `tcp://127.0.0.1:5514`
    Tcp(SocketAddr),
    /// `tls://0.0.0.0:6514`
    Tls(SocketAddr),
    /// `unix:///run/mailvane/log`: datagrams, as programs write to `/dev/log`
    Unix(PathBuf),
    /// `unix-stream:///run/mailvane/log`
    UnixStream(PathBuf),
}

impl Address {
    /// Reads one as it is written in the configuration.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Listen { address: text.to_owned(), reason: reason.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("use udp://, tcp://, tls://, unix:// or unix-stream://"))?;
        let socket = || rest.parse().map_err(|_| wrong("an address with a port is needed, for example udp://127.0.0.1:5514"));
        let path = || {
            let is_path = rest.starts_with('/');
            is_path.then(|| PathBuf::from(rest)).ok_or_else(|| wrong("a path is needed, for example unix:///run/mailvane/log"))
        };
        match scheme {
            "udp" => Ok(Address::Udp(socket()?)),
            "tcp" => Ok(Address::Tcp(socket()?)),
            "tls" => Ok(Address::Tls(socket()?)),
            "unix" => Ok(Address::Unix(path()?)),
            "unix-stream" => Ok(Address::UnixStream(path()?)),
            _ => Err(wrong("use udp://, tcp://, tls://, unix:// or unix-stream://")),
        }
    }
}

/// A listener that runs until its intake stops.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens, with the port that it got.
    pub local: Option<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Waits for its end.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // One that broke off has ended, too.
            drop(thread.join());
        }
    }
}

/// The work of a listener, and where it listens.
type Work = (Option<SocketAddr>, Box<dyn FnOnce() + Send>);

/// Opens the socket, and begins to listen.
pub fn listen(address: &Address, pair: Option<&Pair>, intake: Arc<Intake>) -> Result<Listening, Error> {
    let source = intake.source.clone();
    let wrong = |reason: String| Error::Listen { address: source.clone(), reason };
    let opened = match address {
        Address::Udp(address) => udp(*address, intake),
        Address::Unix(path) => unix(path, intake),
        Address::UnixStream(path) => unix_stream(path, intake),
        Address::Tcp(address) => tcp(*address, None, intake),
        Address::Tls(address) => {
            let pair = pair.ok_or_else(|| wrong("TLS needs `certificate` and `key`, PEM files".to_owned()))?;
            let served = Served::open(pair.clone()).map_err(wrong)?;
            let config = Arc::new(served.config().map_err(wrong)?);
            tcp(*address, Some((served, config)), intake)
        }
    };
    let io = |error: std::io::Error| wrong(format!("cannot listen there: {error}"));
    let (local, work) = opened.map_err(io)?;
    let thread = std::thread::Builder::new().name("syslog".to_owned()).spawn(work).map_err(io)?;
    Ok(Listening { local, thread: Some(thread) })
}

fn udp(address: SocketAddr, intake: Arc<Intake>) -> io::Result<Work> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    let local = socket.local_addr().ok();
    Ok((local, Box::new(move || datagrams(&intake, "", |buffer| socket.recv(buffer), |waits| socket.set_nonblocking(!waits)))))
}

fn unix(path: &Path, intake: Arc<Intake>) -> io::Result<Work> {
    make_way(path)?;
    let socket = UnixDatagram::bind(path)?;
    permit(path)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    let host = host_name();
    Ok((None, Box::new(move || datagrams(&intake, &host, |buffer| socket.recv(buffer), |waits| socket.set_nonblocking(!waits)))))
}

fn unix_stream(path: &Path, intake: Arc<Intake>) -> io::Result<Work> {
    make_way(path)?;
    let listener = UnixListener::bind(path)?;
    permit(path)?;
    listener.set_nonblocking(true)?;
    let accept = move || {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        Ok(Box::new(stream) as Stream)
    };
    Ok((None, Box::new(move || streams(&intake, &host_name(), accept))))
}

fn tcp(address: SocketAddr, tls: Option<(Arc<Served>, Arc<rustls::ServerConfig>)>, intake: Arc<Intake>) -> io::Result<Work> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let local = listener.local_addr().ok();
    let told = Arc::clone(&intake);
    let accept = move || {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        let Some((served, config)) = &tls else { return Ok(Box::new(stream) as Stream) };
        // Connections are few and stay: each looks whether the certificate was renewed.
        if let Err(reason) = served.refresh() {
            told.complain(&Error::Listen { address: told.source.clone(), reason: format!("the new certificate is not used: {reason}") });
        }
        let session = rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Box::new(rustls::StreamOwned::new(session, stream)) as Stream)
    };
    Ok((local, Box::new(move || streams(&intake, "", accept))))
}

/// A socket that a process that is gone left behind is no obstacle; anything else there is.
fn make_way(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(data) if data.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket has this name")),
        Err(_) => path.parent().map_or(Ok(()), std::fs::create_dir_all),
    }
}

/// Whoever logs on this machine may write, as to `/dev/log`.
fn permit(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Reads datagrams, each a message; those that are there together are brought to disk together. Those without a host get `host`.
fn datagrams(intake: &Intake, host: &str, mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>, waits: impl Fn(bool) -> io::Result<()>) {
    let (mut buffer, mut lines) = (vec![0; MESSAGE_BYTES_MAX + 1], Vec::new());
    while !intake.is_stopping() {
        match receive(&mut buffer) {
            Ok(count) => take_datagram(intake, host, &buffer[..count], &mut lines),
            Err(error) if is_nothing(&error) => continue,
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
        let is_switched = waits(false).is_ok();
        while is_switched && lines.len() < BATCH_BYTES {
            match receive(&mut buffer) {
                Ok(count) => take_datagram(intake, host, &buffer[..count], &mut lines),
                Err(_) => break,
            }
        }
        if waits(true).is_err() {
            // It goes on without waiting, looking now and then.
            std::thread::sleep(LOOK_EVERY / 10);
        }
        if !lines.is_empty() {
            intake.keep_or_drop(&lines);
        }
        lines.clear();
    }
}

fn take_datagram(intake: &Intake, host: &str, message: &[u8], lines: &mut Vec<u8>) {
    if message.len() > MESSAGE_BYTES_MAX {
        intake.cut.fetch_add(1, Ordering::Relaxed);
    }
    local_line(&message[..message.len().min(MESSAGE_BYTES_MAX)], host.as_bytes(), lines);
}

type Stream = Box<dyn Read + Send>;

/// Accepts connections, each read by a thread of its own. Messages without a host get `host`.
fn streams(intake: &Arc<Intake>, host: &str, accept: impl Fn() -> io::Result<Stream>) {
    let open = Arc::new(AtomicUsize::new(0));
    while !intake.is_stopping() {
        let Ok(stream) = accept() else {
            std::thread::sleep(LOOK_EVERY / 4);
            continue;
        };
        if open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (intake, counted, frames) = (Arc::clone(intake), Arc::clone(&open), Frames::of_host(host));
        let spawned = std::thread::Builder::new().name("syslog-peer".to_owned()).spawn(move || {
            // A connection that breaks ends like one that is closed: what came whole is on disk.
            drop(intake.feed(stream, frames));
            counted.fetch_sub(1, Ordering::Relaxed);
        });
        if spawned.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
    while open.load(Ordering::Relaxed) > 0 {
        std::thread::sleep(LOOK_EVERY / 10);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{intake, spooled};
    use super::super::tls::tests::make;
    use super::super::{LOOK_EVERY, SPOOL_BYTES};
    use super::*;
    use std::io::Write;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    /// Waits until the spool holds so many lines.
    fn wait_for(folder: &Path, count: usize) -> String {
        let begun = Instant::now();
        loop {
            let text = spooled(folder);
            if text.lines().count() >= count || begun.elapsed() > LOOK_EVERY * 100 {
                return text;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn addresses_are_understood_and_typing_errors_named() {
        assert_eq!(Address::parse("udp://127.0.0.1:5514").unwrap(), Address::Udp("127.0.0.1:5514".parse().unwrap()));
        assert_eq!(Address::parse("unix:///run/log").unwrap(), Address::Unix("/run/log".into()));
        for wrong in ["127.0.0.1:5514", "udp://localhost", "http://127.0.0.1:1", "unix://log"] {
            assert!(Address::parse(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn datagrams_and_streams_reach_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let source = intake(folder.path(), SPOOL_BYTES);
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (log, stream) = (folder.path().join("log"), folder.path().join("stream"));
        let open = |address: Address| listen(&address, None, Arc::clone(&source)).unwrap();
        let (udp, tcp) = (open(Address::Udp(any)), open(Address::Tcp(any)));
        let others = [open(Address::Unix(log.clone())), open(Address::UnixStream(stream.clone()))];
        UdpSocket::bind(any).unwrap().send_to(b"<22>by udp\n", udp.local.unwrap()).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"<22>by unix", &log).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"<22>Nov  2 08:00:00 a[1]: local", &log).unwrap();
        UnixStream::connect(&stream).unwrap().write_all(b"<22>by unix stream\n<22>Nov  2 08:00:01 a[1]: local\n").unwrap();
        TcpStream::connect(tcp.local.unwrap()).unwrap().write_all(b"10 <22>by tcp<22>Nov  2 08:00:02 a[1]: far").unwrap();
        let text = wait_for(folder.path(), 7);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        let host = host_name();
        let local = |second: u8| format!("<22>Nov  2 08:00:0{second} {host} a[1]: local").replace("  a[1]", " a[1]");
        // What a program here wrote has the name of this machine; whose a line from the network is, is not known.
        let (one, other) = (local(0), local(1));
        let expected = [&*one, &*other, "<22>Nov  2 08:00:02 a[1]: far", "<22>by tcp", "<22>by udp", "<22>by unix", "<22>by unix stream"];
        assert_eq!(lines, expected);
        source.stop.store(true, Ordering::Relaxed);
        [udp, tcp].into_iter().chain(others).for_each(Listening::join);
    }

    #[test]
    fn tls_is_spoken_with_the_given_pair() {
        let folder = tempfile::tempdir().unwrap();
        let source = intake(folder.path(), SPOOL_BYTES);
        let (pair, certificate) = make(folder.path(), &["localhost"]);
        let address = Address::Tls("127.0.0.1:0".parse().unwrap());
        assert!(listen(&address, None, Arc::clone(&source)).is_err());
        let listening = listen(&address, Some(&pair), Arc::clone(&source)).unwrap();
        speak(listening.local.unwrap(), certificate, b"14 <22>in secrecy");
        assert_eq!(wait_for(folder.path(), 1), "<22>in secrecy\n");
        // A renewed certificate is served to the next connection.
        let (_, renewed) = make(folder.path(), &["localhost", "a.example.com"]);
        speak(listening.local.unwrap(), renewed, b"9 <22>again");
        assert_eq!(wait_for(folder.path(), 2), "<22>in secrecy\n<22>again\n");
        source.stop.store(true, Ordering::Relaxed);
        listening.join();
    }

    /// Sends a message to a listener whose certificate must be this one.
    fn speak(address: SocketAddr, certificate: rustls::pki_types::CertificateDer<'static>, message: &[u8]) {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(address).unwrap());
        stream.write_all(message).unwrap();
        stream.flush().unwrap();
    }
}
