//! `mailvane suppress`: the addresses that should not be mailed again, with their evidence.

use std::io::Write;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use mailvane_model::Time;

use super::report::offset_minutes;
use super::{assembly, warn};
use crate::pipeline::files::{self, Job};
use crate::pipeline::span::Span;
use crate::suppression::{self, Made, Reader};
use crate::{Ending, cli, rules};

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Csv,
    Json,
}

impl Form {
    fn of(arguments: &cli::Suppress) -> Self {
        match (arguments.csv, arguments.json) {
            (true, _) => Form::Csv,
            (_, true) => Form::Json,
            _ => Form::Text,
        }
    }

    #[cfg(feature = "daemon")]
    const fn word(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Csv => "csv",
            Form::Json => "json",
        }
    }
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Suppress, now: Time) -> Result<Ending> {
    if arguments.files.is_empty() {
        return from_store(arguments, now);
    }
    rules::install(arguments.rules.rules.as_deref())?;
    let job = Job::of(&arguments.files, &arguments.clock, now)?;
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut assembler = rules::assembler(assembly(&arguments.clock));
    let mut reader = Reader::new(span);
    let reading = files::read(&job, &mut assembler, &mut reader)?;
    assembler.finish(&mut reader);
    let ending = warn(&reading);
    print(&reader.finish(), Form::of(arguments), job.zone)?;
    Ok(ending)
}

fn print(made: &Made, form: Form, zone: Tz) -> Result<()> {
    let offset = |time: Time| offset_minutes(zone, time);
    let out = match form {
        Form::Text => suppression::text(made, zone).into_bytes(),
        Form::Csv => suppression::csv(made, &offset).into_bytes(),
        Form::Json => {
            let mut out = suppression::json(made, &offset);
            out.push(b'\n');
            out
        }
    };
    std::io::stdout().write_all(&out).context("cannot write the list")
}

#[cfg(not(feature = "daemon"))]
fn from_store(_: &cli::Suppress, _: Time) -> Result<Ending> {
    bail!("name the log files, for example `mailvane suppress /var/log/mail.log*`: this build has no store")
}

#[cfg(feature = "daemon")]
fn from_store(arguments: &cli::Suppress, now: Time) -> Result<Ending> {
    use mailvane_store::{Disk, Error, Options, Store};

    let config = super::serve::configuration(arguments.store.config.as_deref())?;
    rules::install(arguments.rules.rules.as_deref().or(config.rules.as_deref()))?;
    let folder = super::serve::data_folder(arguments.store.data_dir.as_deref(), &config);
    let zone = crate::pipeline::span::zone(arguments.clock.timezone.as_deref())?;
    let span = Span::parse(&arguments.span, zone, now)?;
    if !folder.join("store.db").exists() {
        bail!("there is no store in {}: start `mailvane serve` first, or name log files", folder.display());
    }
    match Disk::open(&folder, Options::default()) {
        Ok(store) => {
            let made = suppression::of_snapshot(&store.snapshot()?, span.since, span.until).context("cannot read the store")?;
            print(&made, Form::of(arguments), zone)?;
        }
        // `serve` has it: it is asked over its own port.
        Err(Error::Locked { pid, .. }) => {
            let listen = config.listen.as_deref().unwrap_or(super::serve::LISTEN);
            let out = ask(listen, arguments, span, zone)
                .with_context(|| format!("the store is in use by process {pid}, and the list could not be had from http://{listen}"))?;
            std::io::stdout().write_all(&out).context("cannot write the list")?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot open the store in {}", folder.display())),
    }
    Ok(Ending::Fine)
}

/// The list of the running `serve`.
#[cfg(feature = "daemon")]
fn ask(listen: &str, arguments: &cli::Suppress, span: Span, zone: Tz) -> Result<Vec<u8>> {
    use std::io::Read;
    use std::time::Duration;

    /// `serve` answers within its own time limit for questions.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// No list is as long as this.
    const ANSWER_BYTES_MAX: u64 = 1 << 30;

    let mut query = format!("format={}&time_zone={}", Form::of(arguments).word(), zone.name().replace('+', "%2B"));
    if span.since > Time(i64::MIN) {
        query.push_str(&format!("&since={}", span.since.rfc3339(0)));
    }
    if span.until < Time(i64::MAX) {
        query.push_str(&format!("&until={}", span.until.rfc3339(0)));
    }
    let address: std::net::SocketAddr = listen.parse().with_context(|| format!("`{listen}` is no address"))?;
    let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /api/v1/suppression?{query} HTTP/1.0\r\nHost: {listen}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let end = memchr::memmem::find(&answer, b"\r\n\r\n").context("the answer is no HTTP")?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), answer.split_off(end + 4));
    let status = head.split_whitespace().nth(1).unwrap_or("");
    if status != "200" {
        bail!("it answered {status}: {}", String::from_utf8_lossy(&body).trim_end());
    }
    Ok(body)
}
