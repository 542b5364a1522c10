//! `mailvane trace`: the life of matching messages, hop by hop, with the raw lines, and refused attempts.
//!
//! Files are read three times: to find what matches, to gather every row of it (a life is only known at its end), and to fetch the
//! lines. Ids are the same each time.

mod gather;
mod lines;
mod print;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use mailvane_model::Time;

use super::{assembly, warn};
use crate::pipeline::files::{self, Job};
use crate::pipeline::span::Span;
use crate::{Ending, cli, rules};
use gather::{Finder, Gatherer};
use lines::Lines;

/// What is looked for; every part that is given must match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    queue_id: Option<String>,
    message_id: Option<String>,
    sender: Option<String>,
    recipient: Option<String>,
    client: Option<String>,
}

impl Wanted {
    fn of(arguments: &cli::Trace) -> Result<Self> {
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.trim_matches(['<', '>']).to_lowercase());
        let wanted = Wanted {
            queue_id: arguments.queue_id.clone(),
            message_id: arguments.message_id.as_ref().map(|id| id.trim_matches(['<', '>']).to_owned()),
            sender: lower(&arguments.sender),
            recipient: lower(&arguments.recipient),
            client: lower(&arguments.client),
        };
        if wanted.queue_id.is_none()
            && wanted.message_id.is_none()
            && wanted.sender.is_none()
            && wanted.recipient.is_none()
            && wanted.client.is_none()
        {
            bail!("say what to look for: --queue-id, --message-id, --sender, --recipient or --client");
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
        ];
        let said = parts.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")));
        said.collect::<Vec<_>>().join(", ")
    }
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Trace, now: Time) -> Result<Ending> {
    let wanted = Wanted::of(arguments)?;
    if arguments.files.is_empty() {
        bail!(
            "name the log files, for example `mailvane trace /var/log/mail.log* --recipient joe@example.com`; the messages of a running `serve` are on its page"
        );
    }
    rules::install(arguments.rules.rules.as_deref())?;
    let spooled = Spooled::take(&arguments.files)?;
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
