//! TLS of the pages and the API: the pair is followed in the background, so that a renewed certificate needs no restart.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mailvane_ingest::intake::tls::{Pair, Served};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What takes handshakes, with a task that follows the files. Must be called within the runtime.
pub(crate) fn acceptor(pair: Pair) -> Result<TlsAcceptor> {
    let served = Served::open(pair).map_err(anyhow::Error::msg)?;
    let mut config = served.config().map_err(anyhow::Error::msg).context("TLS cannot be spoken")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tokio::spawn(follow(served));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Looks at the files for ever. A pair that cannot be used leaves the one before in place.
async fn follow(served: Arc<Served>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let looking = Arc::clone(&served);
        match tokio::task::spawn_blocking(move || looking.refresh()).await {
            Ok(Ok(true)) => tracing::info!(certificate = %served.pair().certificate.display(), "the certificate was read again"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::error!("the new certificate is not used: {error}"),
            Err(_) => return,
        }
    }
}
