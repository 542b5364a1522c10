//! `mailvane trace`: the life of matching messages, hop by hop, with the raw lines, and refused attempts.
//!
//! Files are read three times: to find what matches, to gather every row of it (a life is only known at its end), and to fetch the
//! lines. Ids are the same each time. Without files a store is asked.

mod gather;
mod lines;
mod print;
#[cfg(feature = "daemon")]
pub(crate) mod stored;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mailvane_model::Time;

use super::{assembly, warn};
use crate::pipeline::files::{self, Job};
use crate::pipeline::span::Span;
use crate::{Ending, cli, rules};
use gather::{Finder, Gatherer};
use lines::Lines;

/// What is looked for; every part that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wanted {
    queue_id: Option<String>,
    message_id: Option<String>,
    sender: Option<String>,
    recipient: Option<String>,
    client: Option<String>,
    /// Any of these, in lower case.
    word: Option<String>,
    /// The word as it was typed.
    typed: Option<String>,
}

impl Wanted {
    fn of(arguments: &cli::Trace) -> Result<Self> {
        let mut words = arguments.files.iter().filter_map(|path| word(path));
        let typed = words.next().map(str::to_owned);
        if let (Some(one), Some(other)) = (&typed, words.next()) {
            bail!("neither `{one}` nor `{other}` is a file, and one word can be looked for at a time");
        }
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.trim_matches(['<', '>']).to_lowercase());
        let wanted = Wanted {
            queue_id: arguments.queue_id.clone(),
            message_id: arguments.message_id.as_ref().map(|id| id.trim_matches(['<', '>']).to_owned()),
            sender: lower(&arguments.sender),
            recipient: lower(&arguments.recipient),
            client: lower(&arguments.client),
            word: lower(&typed),
            typed,
        };
        if wanted == Wanted::default() {
            bail!(
                "say what to look for: a queue id, a Message-ID or an address, or --queue-id, --message-id, --sender, --recipient, --client"
            );
        }
        Ok(wanted)
    }

    /// In words, for "nothing found".
    fn words(&self) -> String {
        let parts = [
            ("queue id", &self.queue_id),
            ("message-id", &self.message_id),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("client", &self.client),
            ("", &self.typed),
        ];
        let said =
            parts.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}").trim_start().to_owned()));
        said.collect::<Vec<_>>().join(", ")
    }
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Trace, now: Time) -> Result<Ending> {
    let wanted = Wanted::of(arguments)?;
    let mut files: Vec<PathBuf> = arguments.files.iter().filter(|path| word(path).is_none()).cloned().collect();
    if files.is_empty() {
        files = match unnamed(arguments, &wanted, now)? {
            Some(files) => files,
            None => return Ok(Ending::Fine),
        };
    }
    rules::install(arguments.rules.rules.as_deref())?;
    let spooled = Spooled::take(&files)?;
    let mut job = Job::of(&spooled.files, &arguments.clock, now)?;
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut finder = Finder::new(wanted.clone(), span);
    let reading = read(&job, arguments, &mut finder)?;
    let (chains, rejections) = finder.found(arguments.limit);
    let mut gatherer = Gatherer::new(chains, rejections);
    read(&job, arguments, &mut gatherer)?;
    let lives = gatherer.lives();
    let mut lines = Lines::new(lives.iter().flat_map(gather::Life::positions));
    job.assemble = false;
    files::read(&job, &mut rules::assembler(assembly(&arguments.clock)), &mut lines)?;
    let ending = warn(&reading);
    print::print(&lives, &lines, &reading, &job, &wanted.words(), arguments.json)?;
    Ok(ending)
}

/// Without files: prints what the store has; where there is none, the log files of this machine are to be read.
#[cfg(feature = "daemon")]
fn unnamed(arguments: &cli::Trace, wanted: &Wanted, now: Time) -> Result<Option<Vec<PathBuf>>> {
    use std::io::Write;

    if let Some(text) = stored::run(arguments, wanted.clone(), now)? {
        return match std::io::stdout().write_all(&text) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write the answer"),
            _ => Ok(None),
        };
    }
    let files = stored::logs()?;
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    writeln!(std::io::stderr(), "mailvane: there is no store yet (`mailvane serve` makes one): reading {}", names.join(", "))?;
    Ok(Some(files))
}

#[cfg(not(feature = "daemon"))]
fn unnamed(_: &cli::Trace, _: &Wanted, _: Time) -> Result<Option<Vec<PathBuf>>> {
    bail!("name the log files, for example `mailvane trace /var/log/mail.log* --recipient joe@example.com`: this build has no store")
}

/// What can only be looked for: no file, but an address, a Message-ID, an IP address or what a queue id looks like.
fn word(path: &Path) -> Option<&str> {
    const SHORTEST_ID: usize = 5;
    let text = path.to_str().filter(|_| !path.exists())?;
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_id = text.len() >= SHORTEST_ID && has_digit && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_name = text.contains('@') && !text.contains('/') || text.starts_with('<') || text.parse::<std::net::IpAddr>().is_ok();
    (is_id || is_name).then_some(text)
}

fn read<W: files::Watcher>(job: &Job, arguments: &cli::Trace, watcher: &mut W) -> Result<files::Reading> {
    let mut assembler = rules::assembler(assembly(&arguments.clock));
    let reading = files::read(job, &mut assembler, watcher)?;
    assembler.finish(watcher);
    Ok(reading)
}

/// The files to read, standard input put into a temporary file: it cannot be read three times.
struct Spooled {
    files: Vec<PathBuf>,
    temporary: Option<PathBuf>,
}

impl Spooled {
    fn take(given: &[PathBuf]) -> Result<Self> {
        let mut spooled = Spooled { files: given.to_vec(), temporary: None };
        if let Some(place) = spooled.files.iter().position(|path| path.as_os_str() == "-") {
            let path = std::env::temp_dir().join(format!("mailvane-trace-{}", std::process::id()));
            let mut file = std::fs::File::create_new(&path).with_context(|| format!("cannot write {}", path.display()))?;
            spooled.temporary = Some(path.clone());
            std::io::copy(&mut std::io::stdin().lock(), &mut file).context("cannot keep standard input")?;
            spooled.files[place] = path;
        }
        Ok(spooled)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            // A file left in the temporary folder does no harm.
            let _ = std::fs::remove_file(path);
        }
    }
}
