//! Lives out of a store: looked up in it when nobody has it, else asked of the `serve` that does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mailvane_analytics::scope::{Filters, Scope};
use mailvane_analytics::search::{Found, Search, Words, search};
use mailvane_assemble::Assembler;
use mailvane_ingest::FileState;
use mailvane_model::row::Batch;
use mailvane_model::word::Outcome;
use mailvane_model::{FileId, Position, Sink, Time};
use mailvane_render::sentence::Clock;
use mailvane_store::{Disk, Error, Options, Snapshot, Store};
use serde::{Deserialize, Serialize};

use super::gather::{Finder, Gatherer, Life};
use super::lines::Lines;
use super::{Wanted, print};
use crate::api::{chain, lines};
use crate::live::engine::{ASSEMBLY, FILES};
use crate::pipeline::span::{self, Span};
use crate::socket::{self, Question};
use crate::{cli, rules};

/// Hits of one page of a search.
const PAGE: usize = 200;
/// Pages that are looked through for what matches everything that was asked.
const PAGES_MAX: usize = 25;

/// What is asked of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    wanted: Wanted,
    since: i64,
    until: i64,
    limit: usize,
    json: bool,
    zone: String,
}

/// A store and what stands beside it.
pub(crate) struct Place<'a> {
    /// The rows.
    pub(crate) snapshot: &'a Snapshot,
    /// What is open.
    pub(crate) open: &'a Batch,
    /// Where the lines are.
    pub(crate) files: &'a HashMap<FileId, PathBuf>,
}

/// The answer to the command line, in bytes to be printed; `None` when there is no store.
pub(super) fn run(arguments: &cli::Trace, wanted: Wanted, now: Time) -> Result<Option<Vec<u8>>> {
    let config = crate::command::serve::configuration(arguments.store.config.as_deref())?;
    rules::install(arguments.rules.rules.as_deref().or(config.rules.as_deref()))?;
    let folder = crate::command::serve::data_folder(arguments.store.data_dir.as_deref(), &config);
    if !folder.join("store.db").exists() {
        // A folder that was named is meant.
        let is_named = arguments.store.data_dir.is_some() || arguments.store.config.is_some();
        anyhow::ensure!(!is_named, "there is no store in {}: start `mailvane serve` first, or name log files", folder.display());
        return Ok(None);
    }
    let zone = span::zone(arguments.clock.timezone.as_deref())?;
    let Span { since, until } = Span::parse(&arguments.span, zone, now)?;
    let asked =
        Asked { wanted, since: since.0, until: until.0, limit: arguments.limit, json: arguments.json, zone: zone.name().to_owned() };
    let text = match Disk::open(&folder, Options::default()) {
        Ok(store) => from_disk(&store, &asked, now)?,
        Err(Error::Locked { .. }) if socket::is_there(&folder) => {
            let answer = socket::ask(&folder, &Question::Trace(Box::new(asked)), |_| {})?;
            answer.as_str().context("the running `mailvane serve` is of another version")?.to_owned()
        }
        Err(Error::Locked { pid, .. }) => bail!(
            "the store in {} is in use by process {pid}, which this user may not ask or which answers no questions (an import?): \
             run this as the user of `mailvane serve`, or wait for the end of the import",
            folder.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot open the store in {}", folder.display())),
    };
    Ok(Some(text.into_bytes()))
}

/// With nobody else at the store: what is open is worked out from the state that was committed.
fn from_disk(store: &Disk, asked: &Asked, now: Time) -> Result<String> {
    let snapshot = store.snapshot()?;
    let pieces = store.state(ASSEMBLY)?.into_iter().map(|(key, value)| (key[ASSEMBLY.len()..].to_vec(), value));
    let assembler = Assembler::restore(mailvane_assemble::Config::default(), pieces)
        .context("the store holds assembly state that this version cannot read")?;
    let mut open = Batch::default();
    assembler.finish(&mut open);
    let mut files = HashMap::new();
    for (_, value) in store.state(FILES)? {
        let state = FileState::decode(&value).context("the store holds the state of a log file that this version cannot read")?;
        files.insert(state.file, state.path);
    }
    answer(&Place { snapshot: &snapshot, open: &open, files: &files }, asked, now)
}

/// What is printed.
pub(crate) fn answer(place: &Place<'_>, asked: &Asked, now: Time) -> Result<String> {
    let zone = span::zone(Some(&asked.zone))?;
    let lives = find(place, asked)?;
    let positions: BTreeSet<Position> = lives.iter().flat_map(Life::positions).collect();
    let positions: Vec<Position> = positions.into_iter().collect();
    let kept = place.snapshot.lines(&positions)?;
    let absent: Vec<Position> = positions.iter().zip(&kept).filter(|(_, line)| line.is_none()).map(|(position, _)| *position).collect();
    let mut known = lines::read(place.files, &absent);
    known.extend(positions.iter().zip(kept).filter_map(|(position, line)| Some((*position, lines::clean(&line?)))));
    let mut out = Vec::new();
    print::write(&mut out, &lives, &Lines::known(known, place.files.clone()), &Clock { zone, today: now }, asked.json);
    if lives.is_empty() && !asked.json {
        let until = place.snapshot.streams().iter().filter_map(|stream| stream.watermark).max();
        let known = until.map_or_else(String::new, |time| {
            format!(", which is known up to {}", time.to_chrono().with_timezone(&zone).format("%-d %b %Y %H:%M:%S"))
        });
        out.extend_from_slice(
            format!(
                "no trace of {} in the store{known}: it never reached this server, or came before what was read \
                 (name older log files, or `mailvane import` them)\n",
                asked.wanted.words()
            )
            .as_bytes(),
        );
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The lives that match everything that is asked, page by page of what the narrowest word finds.
fn find(place: &Place<'_>, asked: &Asked) -> Result<Vec<Life>> {
    let span = Span { since: Time(asked.since), until: Time(asked.until) };
    let mut lives: BTreeMap<(Time, usize), Life> = BTreeMap::new();
    for words in words(&asked.wanted) {
        let mut before = None;
        for _ in 0..PAGES_MAX {
            let found = page(place, &words, span, before)?;
            for life in matching(place, asked, span, &found)? {
                let is_known = lives.values().any(|known| known.is_same(&life));
                if !is_known {
                    lives.insert((life.time, lives.len()), life);
                }
            }
            before = found.hits.last().filter(|_| found.more).map(|hit| (hit.time, hit.id));
            if before.is_none() || lives.len() >= asked.limit {
                break;
            }
        }
    }
    let mut lives: Vec<Life> = lives.into_values().collect();
    Ok(lives.split_off(lives.len().saturating_sub(asked.limit)))
}

/// What the search is made with: the word that finds least.
fn words(wanted: &Wanted) -> Vec<Words> {
    if let Some(id) = &wanted.queue_id {
        return vec![Words::QueueId(id.clone())];
    }
    if let Some(id) = &wanted.message_id {
        return vec![Words::MessageId(id.clone())];
    }
    if let Some(word) = &wanted.typed {
        let bare = word.trim_matches(['<', '>']);
        // A word with an `@` is an address or a Message-ID, one without can be the queue id of any server.
        let other = if bare.contains('@') { Words::MessageId(bare.to_owned()) } else { Words::QueueId(bare.to_owned()) };
        let read = Words::read(bare);
        return if read == other { vec![read] } else { vec![other, read] };
    }
    let text = [&wanted.recipient, &wanted.sender, &wanted.client].into_iter().flatten().next();
    text.map(|text| vec![Words::read(text)]).unwrap_or_default()
}

fn page(place: &Place<'_>, words: &Words, span: Span, before: Option<(Time, u64)>) -> Result<Found> {
    let scope =
        Scope { since: span.since, until: span.until, population: None, direction: None, by_arrival: false, filters: Filters::default() };
    let wanted = Search {
        scope,
        words: words.clone(),
        states: Vec::new(),
        messages: true,
        rejections: true,
        actions: Vec::new(),
        limit: PAGE,
        before,
    };
    search(place.snapshot, &place.open.outcomes, &wanted).context("cannot search the store")
}

/// Of what a search found, the lives that match everything.
fn matching(place: &Place<'_>, asked: &Asked, span: Span, found: &Found) -> Result<Vec<Life>> {
    let ids: Vec<u64> = found.hits.iter().filter(|hit| !hit.rejection).map(|hit| hit.id).collect();
    let mut rows = chain::rows_of(place.snapshot, place.open, &ids)?;
    let refused: BTreeSet<u64> = found.hits.iter().filter(|hit| hit.rejection).map(|hit| hit.id).collect();
    found.rejections.rejections.iter().filter(|row| refused.contains(&row.id)).for_each(|row| rows.rejections.push(&row));
    let mut finder = Finder::new(asked.wanted.clone(), span);
    tell(&rows, &mut finder);
    let (chains, rejections) = finder.found(asked.limit);
    let mut gatherer = Gatherer::new(chains, rejections);
    tell(&rows, &mut gatherer);
    Ok(gatherer.lives())
}

/// Rows in the order in which they became known, each event once: what is final after what was open.
fn tell(rows: &Batch, sink: &mut impl Sink) {
    let mut messages: Vec<_> = rows.messages.iter().collect();
    messages.sort_by_key(|row| row.rev);
    messages.iter().for_each(|row| sink.message(row, None));
    let mut outcomes: Vec<_> = rows.outcomes.iter().collect();
    outcomes.sort_by_key(|row| (row.rev, !matches!(row.outcome, Outcome::Queued | Outcome::Held)));
    outcomes.iter().for_each(|row| sink.outcome(row, None));
    let mut seen = BTreeSet::new();
    let mut attempts: Vec<_> = rows.attempts.iter().filter(|row| seen.insert(row.id)).collect();
    attempts.sort_by_key(|row| (row.time, row.position.offset));
    attempts.iter().for_each(|row| sink.attempt(row));
    rows.rejections.iter().for_each(|row| sink.rejection(&row));
}

/// Log files of this machine, where there is no store.
pub(super) fn logs() -> Result<Vec<PathBuf>> {
    let found = crate::discover::machine();
    let files: Vec<PathBuf> = found.logs.iter().flat_map(|pattern| files_of(pattern)).collect();
    if files.is_empty() {
        let hints: String = found.hints.iter().map(|hint| format!("\n  {hint}")).collect();
        bail!(
            "there is no store and no mail log that can be read on this machine: name the log files, for example \
             `mailvane trace /var/log/mail.log* --recipient joe@example.com`{hints}"
        );
    }
    Ok(files)
}

/// The files of `PATH*`.
fn files_of(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern.trim_end_matches('*'));
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_log = |entry: &std::fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
    entries.filter(of_log).map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}
