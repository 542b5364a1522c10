//! The real daemon, started and stopped, and the rows that it left in its store.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailvane_ingest::FileState;
use mailvane_model::{Batch, Position};
use mailvane_store::{Disk, Kind, Options, Snapshot, Store};

/// Rows of each kind that are shown of those that differ.
const FEW: usize = 6;
/// Longest wait for the daemon to read everything.
pub(crate) const LONGEST: Duration = Duration::from_secs(300);

/// A folder for one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A daemon that runs, or ran.
pub(crate) struct Daemon {
    child: Child,
    data: PathBuf,
    /// What was said before it started.
    said: u64,
}

impl Daemon {
    /// Starts it on some patterns. What it says goes to `DATA.out` and `DATA.err`.
    pub(crate) fn start(data: &Path, patterns: &[String]) -> Self {
        Self::start_reading(data, patterns, Stdio::null())
    }

    /// The same, with commits of so many rows while history is read.
    pub(crate) fn start_in_steps(data: &Path, patterns: &[String], rows: u64) -> Self {
        let steps = ["--commit-rows".to_owned(), rows.to_string()];
        Self::start_reading(data, &[&steps, patterns].concat(), Stdio::null())
    }

    /// The same, with something on its standard input.
    pub(crate) fn start_reading(data: &Path, patterns: &[String], input: Stdio) -> Self {
        let words = |ending: &str| OpenOptions::new().create(true).append(true).open(data.with_extension(ending)).unwrap();
        let out = words("out");
        let said = out.metadata().unwrap().len();
        let child = Command::new(env!("CARGO_BIN_EXE_mailvane"))
            .args(["serve", "--history", "all", "--listen", "127.0.0.1:0", "--timezone", "UTC", "--data-dir"])
            .arg(data)
            .args(patterns)
            .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
            .stdin(input)
            .stdout(out)
            .stderr(words("err"))
            .spawn()
            .unwrap();
        Daemon { child, data: data.to_path_buf(), said }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.must_run();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`: it must end by itself and without complaint.
    pub(crate) fn stop(mut self) {
        // From its first words on it can be told to stop.
        self.wait_for_words();
        self.must_run();
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}: {}", self.complaints());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        panic!("it did not stop: {}", self.complaints());
    }

    /// Waits for its first words: then it begins to read.
    pub(crate) fn wait_for_words(&mut self) {
        let begun = Instant::now();
        while std::fs::metadata(self.data.with_extension("out")).unwrap().len() == self.said && begun.elapsed() < LONGEST {
            self.must_run();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn must_run(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself, {ended:?}: {}", self.complaints());
    }

    fn complaints(&self) -> String {
        let lines = BufReader::new(File::open(self.data.with_extension("err")).unwrap()).lines();
        let mut last: Vec<String> = lines.map(|line| line.unwrap()).collect();
        last.drain(..last.len().saturating_sub(20));
        last.join("\n")
    }
}

/// Waits for something that must come.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONGEST, "it did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a daemon undisturbed until it has committed `bytes` bytes of logs, each counted once, and stops it.
pub(crate) fn run_until(data: &Path, patterns: &[String], bytes: u64) {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1500);
    loop {
        let daemon = Daemon::start(data, patterns);
        std::thread::sleep(pause);
        daemon.stop();
        let read = bytes_read(data);
        if read == bytes {
            return;
        }
        assert!(read < bytes, "{read} bytes read of {bytes}");
        assert!(begun.elapsed() < LONGEST, "{read} bytes of {bytes} read\n{:#?}", states(data));
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// The files that a store knows, and how far each is read.
pub(crate) fn states(data: &Path) -> Vec<FileState> {
    let store = Disk::open(data, Options::default()).unwrap();
    store.state(b"file/").unwrap().iter().map(|(_, value)| FileState::decode(value).unwrap()).collect()
}

fn bytes_read(data: &Path) -> u64 {
    states(data).iter().map(|state| state.offset).sum()
}

/// Rows by kind, as text, sorted.
pub(crate) type Rows = BTreeMap<&'static str, Vec<String>>;

/// The rows of a store in their highest revision. `exact` keeps ids and positions; otherwise they are replaced by what does not depend
/// on the files in which the lines stood.
pub(crate) fn rows(data: &Path, exact: bool) -> Rows {
    let store = Disk::open(data, Options::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    let batches = batches(&snapshot);
    let names = names(&batches);
    let mut rows = Rows::new();
    for (batch, dead) in &batches {
        told(batch, dead, &names, exact, &mut rows);
    }
    for texts in rows.values_mut() {
        texts.sort_unstable();
    }
    rows
}

/// The superseded messages and outcomes of a batch.
#[derive(Default)]
struct Dead {
    messages: Vec<u32>,
    outcomes: Vec<u32>,
}

fn batches(snapshot: &Snapshot) -> Vec<(Batch, Dead)> {
    let sealed = snapshot.all_segments().iter().map(|segment| (snapshot.read(segment, None).unwrap(), Dead::default()));
    let pending = snapshot.pending().iter().map(|pending| {
        let dead = Dead { messages: pending.dead(Kind::Messages).to_vec(), outcomes: pending.dead(Kind::Outcomes).to_vec() };
        (pending.rows.as_ref().clone(), dead)
    });
    sealed.chain(pending).collect()
}

/// Message ids to queue ids. No id may be there twice.
fn names(batches: &[(Batch, Dead)]) -> HashMap<u64, String> {
    let mut names = HashMap::new();
    let mut others = HashSet::new();
    for (batch, dead) in batches {
        for (index, row) in batch.messages.iter().enumerate() {
            if !dead.messages.contains(&(index as u32)) {
                let former = names.insert(row.id, row.queue_id.to_owned());
                assert!(former.is_none(), "the message {} is there twice", row.queue_id);
            }
        }
        let mut once = |kind: &'static str, id: u64| assert!(others.insert((kind, id)), "{kind} {id} is there twice");
        batch.attempts.iter().for_each(|row| once("attempt", row.id));
        batch.rejections.iter().for_each(|row| once("rejection", row.id));
        batch.auths.iter().for_each(|row| once("auth", row.id));
        batch.sessions.iter().for_each(|row| once("session", row.id));
        batch.notices.iter().for_each(|row| once("notice", row.id));
        let alive = batch.outcomes.iter().enumerate().filter(|(index, _)| !dead.outcomes.contains(&(*index as u32)));
        alive.for_each(|(_, row)| once("outcome", row.id));
    }
    names
}

fn told(batch: &Batch, dead: &Dead, names: &HashMap<u64, String>, exact: bool, rows: &mut Rows) {
    let name = |id: u64| names.get(&id).map_or(if id == 0 { "-" } else { "?" }, String::as_str);
    let mut tell = |kind: &'static str, text: String| rows.entry(kind).or_default().push(text);
    for (index, row) in batch.messages.iter().enumerate() {
        if dead.messages.contains(&(index as u32)) {
            continue;
        }
        let links = [row.chain, row.previous_hop, row.next_hop, row.bounce_of].map(name).join(" ");
        let lines = row.lines.len();
        // How often a row was told again depends on when it was committed.
        let mut row = row;
        row.rev = 0;
        if !exact {
            (row.id, row.chain, row.previous_hop, row.next_hop, row.bounce_of, row.lines) = (0, 0, 0, 0, 0, &[]);
        }
        tell("message", format!("{row:?} {links} {lines}"));
    }
    for (index, row) in batch.outcomes.iter().enumerate() {
        if dead.outcomes.contains(&(index as u32)) {
            continue;
        }
        let mut row = row;
        row.rev = 0;
        if !exact {
            (row.id, row.message, row.last_message) = (0, 0, 0);
        }
        tell("outcome", format!("{row:?}"));
    }
    macro_rules! plain {
        ($table:ident, $kind:literal $(, $field:ident)*) => {
            for mut row in batch.$table.iter() {
                if !exact {
                    row.id = 0;
                    row.position = Position::default();
                    $(row.$field = 0;)*
                }
                tell($kind, format!("{row:?}"));
            }
        };
    }
    plain!(attempts, "attempt", message);
    plain!(rejections, "rejection");
    plain!(auths, "auth");
    plain!(sessions, "session");
    plain!(notices, "notice");
}

/// Both must hold the same rows, each as often.
pub(crate) fn assert_same(left: &Rows, right: &Rows, what: &str) {
    let kinds: Vec<_> = left.keys().collect();
    assert_eq!(kinds, right.keys().collect::<Vec<_>>(), "{what}: kinds");
    let mut differences = Vec::new();
    for (kind, texts) in left {
        let other = &right[kind];
        let (lost, more) = (missing(other, texts), missing(texts, other));
        let few = |texts: &[&String]| texts.iter().take(FEW).map(|text| text.as_str()).collect::<Vec<_>>().join("\n");
        if !lost.is_empty() || !more.is_empty() {
            differences.push(format!(
                "of {} and {} {kind} rows {} are only left:\n{}\nand {} only right:\n{}",
                texts.len(),
                other.len(),
                more.len(),
                few(&more),
                lost.len(),
                few(&lost)
            ));
        }
    }
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

/// What is in `all` more often than in `some`; both sorted.
fn missing<'a>(all: &'a [String], some: &[String]) -> Vec<&'a String> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for text in some {
        *left.entry(text).or_default() += 1;
    }
    let take = |text: &&String| match left.get_mut(text.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    all.iter().filter(take).collect()
}
