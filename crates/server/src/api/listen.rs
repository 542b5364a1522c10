//! Connections: so many at once, headers in time, a reader that reads; plain or TLS. What does not keep to it is sent away.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use super::Api;
use crate::access::address::Peer;

/// Connections at once.
pub(crate) const CONNECTIONS_MAX: usize = 512;
/// The headers of a request must be here after this time; a connection that asks nothing is closed after it.
const HEADER_TIME: Duration = Duration::from_secs(15);
/// A handshake must be done after this time.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// A reader that takes nothing for so long is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Bytes of the headers of a request.
const HEADER_BYTES: usize = 32 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 100;
/// Open connections have so long to end when the server stops.
const STOP_TIME: Duration = Duration::from_secs(5);
/// After an error of the listener (no file descriptor left) it rests.
const REST: Duration = Duration::from_millis(200);

/// What somebody hears who comes when there is no room.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 2\r\ncontent-length: 88\r\nconnection: close\r\n\r\n\
{\"error\":{\"code\":\"overloaded\",\"message\":\"too many connections\",\"hint\":\"ask again soon\"}}";

/// Takes connections until the server is told to stop, and then waits a little for those that are open.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Router,
    api: Arc<Api>,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, from) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            },
        };
        api.counts.connections.fetch_add(1, Ordering::Relaxed);
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            api.counts.connections_shed.fetch_add(1, Ordering::Relaxed);
            send_away(stream, tls.is_some());
            continue;
        };
        let (tls, routes, api, stop) = (tls.clone(), routes.clone(), Arc::clone(&api), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            connection(stream, from, tls, routes, &api, stop).await;
        });
    }
    // All places are free again when every connection has ended.
    let _ = tokio::time::timeout(STOP_TIME, room.acquire_many(CONNECTIONS_MAX as u32)).await;
}

/// Says that there is no room, as far as that goes without waiting.
fn send_away(stream: TcpStream, is_tls: bool) {
    if !is_tls {
        // The answer fits into an empty buffer; if not, closing says it too.
        let _ = stream.try_write(FULL);
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>, routes: Router, api: &Api, stop: watch::Receiver<bool>) {
    // Small answers go at once; without it they only go later.
    let _ = stream.set_nodelay(true);
    let peer = Peer { address: from.ip(), secure: tls.is_some() };
    let Some(tls) = tls else { return serve(Patient::new(stream), peer, routes, stop).await };
    match tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve(Patient::new(stream), peer, routes, stop).await,
        _ => drop(api.counts.handshakes_failed.fetch_add(1, Ordering::Relaxed)),
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, routes: Router, mut stop: watch::Receiver<bool>) {
    let service = Labelled { routes: TowerToHyperService::new(routes), peer };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A connection that breaks off is its reader's business.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The routes, each request of which knows its connection.
struct Labelled {
    routes: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Labelled {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.routes.call(request)
    }
}

/// A stream whose writes must go on.
struct Patient<S> {
    stream: S,
    most: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S) -> Self {
        Patient { stream, most: WRITE_TIME, waiting: None }
    }

    /// Passes on what a write said, but for one that has waited too long.
    fn watch<T>(&mut self, said: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if said.is_ready() {
            self.waiting = None;
            return said;
        }
        let most = self.most;
        let sleep = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
        match sleep.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let said = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(said, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(said, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(said, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn the_answer_without_room_is_whole() {
        let text = std::str::from_utf8(FULL).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_gone() {
        let (near, _far) = tokio::io::duplex(16);
        let mut patient = Patient { most: Duration::from_millis(10), ..Patient::new(near) };
        let written = patient.write_all(&[0; 64]).await;
        assert_eq!(written.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
    }
}
