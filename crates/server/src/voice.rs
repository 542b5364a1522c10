//! What the daemon says of its work on standard error: warnings, and what `RUST_LOG` asks for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is said when nobody asked for more or less.
const USUAL: &str = "error,mailvane=info";

/// Begins to speak. A second call changes nothing.
pub(crate) fn begin() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let out = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Under systemd the journal stamps each line. Who speaks already goes on.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() { out.without_time().try_init() } else { out.try_init() };
}
