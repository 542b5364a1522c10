//! The journal, by `journalctl --output=json --follow`: each entry is a line of the spool with its cursor in it, so that the cursor is committed with the
//! events, and after a crash reading goes on behind the last entry on disk.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Intake, LOOK_EVERY, Loss, READ_BYTES, now};
use crate::error::Error;

/// Fields of an entry that are kept.
const FIELDS: &str = "MESSAGE,PRIORITY,SYSLOG_FACILITY,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_COMM,_HOSTNAME";
/// Entries of the facility `mail`, or what the journal says of entries that it suppressed.
const MATCHES: [&str; 3] = ["SYSLOG_FACILITY=2", "+", "SYSLOG_IDENTIFIER=systemd-journald"];
/// `journalctl` that ended is started again after this.
const START_AGAIN: Duration = Duration::from_secs(2);
/// Bytes of an entry; a longer one is left out, and told as lost.
const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How `journalctl` is called.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The program.
    pub program: OsString,
    /// Arguments before ours: another directory, a remote journal.
    pub arguments: Vec<OsString>,
    /// Without a cursor entries are read from this moment on, in microseconds since the epoch.
    pub since: i64,
}

impl Default for Journal {
    fn default() -> Self {
        Journal { program: "journalctl".into(), arguments: Vec::new(), since: 0 }
    }
}

/// Whether the program is there and lets us read.
pub fn is_readable(journal: &Journal) -> Result<(), Error> {
    let output =
        Command::new(&journal.program).args(&journal.arguments).args(["--output=json", "--lines=1", "--quiet"]).args(MATCHES).output();
    let output = output.map_err(|error| Error::Journal(format!("{}: {error}", journal.program.to_string_lossy())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Journal(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Reads the journal into a spool until the intake stops. A journal that cannot be read is tried again, and told as lost time only if entries were.
pub fn follow(journal: Journal, intake: Arc<Intake>) -> Result<JoinHandle<()>, Error> {
    // Before anything is read: a spool that cannot be read would make everything come twice.
    intake.last_line()?;
    let work = move || {
        while !intake.is_stopping() {
            if let Err(error) = follow_once(&journal, &intake) {
                intake.complain(&error);
            }
            let mut waited = Duration::ZERO;
            while waited < START_AGAIN && !intake.is_stopping() {
                std::thread::sleep(LOOK_EVERY);
                waited += LOOK_EVERY;
            }
        }
    };
    std::thread::Builder::new().name("journal".to_owned()).spawn(work).map_err(|error| Error::Journal(error.to_string()))
}

fn follow_once(journal: &Journal, intake: &Arc<Intake>) -> Result<(), Error> {
    let last = intake.last_line()?;
    let cursor = last.as_deref().and_then(|line| field(line, "__CURSOR")).map(str::to_owned);
    let mut command = Command::new(&journal.program);
    command.args(&journal.arguments).args(["--output=json", "--follow", "--no-tail", "--quiet"]).arg(format!("--output-fields={FIELDS}"));
    match &cursor {
        // With the entry itself, which shows that the journal still has it: what is not there any more was lost.
        Some(cursor) => command.arg(format!("--cursor={cursor}")),
        None => command.arg(format!("--since=@{}", journal.since / 1_000_000)),
    };
    let child = command.args(MATCHES).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| Error::Journal(format!("{}: {error}", journal.program.to_string_lossy())))?;
    let known = last.as_deref().zip(cursor.as_deref());
    let result = std::thread::scope(|scope| {
        let reading = scope.spawn({
            let output = child.stdout.take();
            move || output.map_or(Ok(()), |output| entries(output, known, || oldest(journal), intake))
        });
        wait(&mut child, || reading.is_finished() || intake.is_stopping());
        reading.join().unwrap_or_else(|_| Err(Error::Journal("the reader broke off".to_owned())))
    });
    let mut words = String::new();
    if let Some(mut errors) = child.stderr.take() {
        // Words for people: what cannot be read of them is missing, nothing else.
        drop(errors.by_ref().take(4_000).read_to_string(&mut words));
    }
    result?;
    match words.trim() {
        "" => Ok(()),
        words => Err(Error::Journal(words.to_owned())),
    }
}

/// Waits until the child ended or is to end, and sees to it.
fn wait(child: &mut Child, is_over: impl Fn() -> bool) {
    while !is_over() && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(LOOK_EVERY);
    }
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

/// The oldest entry that the journal has, whoever wrote it.
fn oldest(journal: &Journal) -> Option<Vec<u8>> {
    let mut command = Command::new(&journal.program);
    command.args(&journal.arguments).args(["--output=json", "--output-fields=_PID", "--quiet", "--no-pager"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut entry = Vec::new();
    let read = child.stdout.take().map(|output| BufReader::new(output.take(ENTRY_BYTES_MAX as u64)).read_until(b'\n', &mut entry));
    // One entry is enough; it may have ended by itself.
    drop(child.kill());
    drop(child.wait());
    matches!(read, Some(Ok(1..))).then_some(entry)
}

/// The sequence that a cursor belongs to, and its number there: `s=3f1c...;i=1a;...`. Entries of all programs are numbered together.
fn place(cursor: &str) -> Option<(&str, u64)> {
    let part = |key: &str| cursor.split(';').find_map(|part| part.strip_prefix(key));
    Some((part("s=")?, u64::from_str_radix(part("i=")?, 16).ok()?))
}

/// Whether the journal begins right behind the entry of `cursor`, or before it: then nothing that came after it is gone.
fn goes_on(cursor: &str, oldest: Option<&[u8]>) -> bool {
    let oldest = oldest.and_then(|entry| field(entry, "__CURSOR"));
    matches!((place(cursor), oldest.and_then(place)), (Some((known, last)), Some((sequence, first))) if known == sequence && first <= last.saturating_add(1))
}

/// Reads entries and brings them to disk. `known` is the last one on disk with its cursor; `oldest` gives the oldest one of the journal.
fn entries(output: impl Read, known: Option<(&[u8], &str)>, oldest: impl Fn() -> Option<Vec<u8>>, intake: &Intake) -> Result<(), Error> {
    let mut reader = BufReader::with_capacity(READ_BYTES, output);
    let (mut lines, mut entry, mut is_first) = (Vec::new(), Vec::new(), true);
    loop {
        entry.clear();
        let read = reader.by_ref().take(ENTRY_BYTES_MAX as u64).read_until(b'\n', &mut entry);
        let read = read.map_err(|error| Error::Journal(error.to_string()))?;
        // What is cut off by the end of the program comes again.
        let is_whole = entry.ends_with(b"\n");
        if read == 0 || !is_whole && read < ENTRY_BYTES_MAX {
            return if intake.keep(&lines) { Ok(()) } else { Err(Error::Journal("stopped".to_owned())) };
        }
        if !is_whole {
            pass_over(&mut reader)?;
            intake.lose(loss(intake, now(), now(), Some(1), "an entry of the journal is too long"));
            continue;
        }
        if std::mem::take(&mut is_first)
            && let Some((last, cursor)) = known
        {
            if field(&entry, "__CURSOR") == Some(cursor) {
                continue;
            }
            if !goes_on(cursor, oldest().as_deref()) {
                let reason = "the journal does not hold the entries any more that came after the last one that was read";
                intake.lose(loss(intake, time(last), time(&entry), None, reason));
            }
        }
        note_suppressed(&entry, intake);
        lines.extend_from_slice(&entry);
        // Entries that are there together are brought to disk together.
        if reader.buffer().is_empty() || lines.len() >= ENTRY_BYTES_MAX {
            if !intake.keep(&lines) {
                return Err(Error::Journal("stopped".to_owned()));
            }
            lines.clear();
        }
    }
}

fn pass_over(reader: &mut impl BufRead) -> Result<(), Error> {
    loop {
        let buffer = reader.fill_buf().map_err(|error| Error::Journal(error.to_string()))?;
        let (end, over) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(end);
        if over {
            return Ok(());
        }
    }
}

fn loss(intake: &Intake, since: i64, until: i64, messages: Option<u64>, reason: &str) -> Loss {
    Loss { source: intake.source.clone(), since, until, messages, reason: reason.to_owned() }
}

/// `Suppressed 123 messages from postfix.service`: the journal dropped them at its rate limit, and nobody has them.
fn note_suppressed(entry: &[u8], intake: &Intake) {
    let Some(rest) = field(entry, "MESSAGE").and_then(|message| message.strip_prefix("Suppressed ")) else { return };
    let Some((count, service)) = rest.split_once(" messages from ") else { return };
    if field(entry, "SYSLOG_IDENTIFIER") == Some("systemd-journald") {
        let reason = format!("the journal suppressed messages of {service} at its rate limit (RateLimitBurst= in journald.conf)");
        intake.lose(loss(intake, time(entry), time(entry), count.parse().ok(), &reason));
    }
}

fn time(entry: &[u8]) -> i64 {
    field(entry, "__REALTIME_TIMESTAMP").and_then(|micros| micros.parse().ok()).unwrap_or_else(now)
}

/// The text of a field of an entry in JSON, when it holds no escapes.
fn field<'a>(entry: &'a [u8], name: &str) -> Option<&'a str> {
    let key = format!("\"{name}\"");
    let at = memchr::memmem::find_iter(entry, &key).find(|at| *at == 0 || entry[at - 1] != b'\\')?;
    let rest = entry[at + key.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    (rest[end] == b'"').then(|| std::str::from_utf8(&rest[..end]).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::SPOOL_BYTES;
    use super::super::tests::{intake, spooled};
    use super::*;
    use std::sync::atomic::Ordering;

    fn entry(number: u32, message: &str) -> String {
        format!(
            r#"{{"__CURSOR":"s=a;i={number}","__REALTIME_TIMESTAMP":"{number}000000","SYSLOG_IDENTIFIER":"systemd-journald","MESSAGE":"{message}"}}"#
        ) + "\n"
    }

    #[test]
    fn fields_are_found_whatever_a_message_says() {
        let line = br#"{"MESSAGE":"\"__CURSOR\":\"forged\"","__CURSOR" : "s=1;i=2","_PID":"9"}"#;
        assert_eq!(field(line, "__CURSOR"), Some("s=1;i=2"));
        assert_eq!((field(line, "_PID"), field(line, "MESSAGE"), field(line, "NONE")), (Some("9"), None, None));
    }

    #[test]
    fn a_journal_that_begins_behind_the_last_entry_has_lost_nothing() {
        let oldest = |cursor: &str| Some(format!(r#"{{"__CURSOR":"{cursor}"}}"#).into_bytes());
        let goes_on = |oldest: Option<Vec<u8>>| goes_on("s=a;i=ff;b=1", oldest.as_deref());
        assert!(goes_on(oldest("s=a;i=100;b=2")) && goes_on(oldest("s=a;i=3")));
        assert!(!goes_on(oldest("s=a;i=101")) && !goes_on(oldest("s=b;i=100")) && !goes_on(oldest("x")) && !goes_on(None));
    }

    #[test]
    fn reading_goes_on_behind_the_last_entry_and_tells_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let source = intake(folder.path(), SPOOL_BYTES);
        entries((entry(1, "a") + &entry(2, "b") + "{\"half").as_bytes(), None, || None, &source).unwrap();
        let last = source.last_line().unwrap().unwrap();
        let cursor = field(&last, "__CURSOR").unwrap();
        assert_eq!(cursor, "s=a;i=2");
        let known = Some((&last[..], cursor));
        // The entry itself shows that nothing is missing.
        entries((entry(2, "b") + &entry(3, "Suppressed 7 messages from postfix.service")).as_bytes(), known, || None, &source).unwrap();
        // Another one in its place shows that something is.
        entries(entry(9, "c").as_bytes(), known, || None, &source).unwrap();
        // The entry is gone, but what came after it is all there.
        entries(entry(3, "d").as_bytes(), known, || Some(entry(3, "d").into_bytes()), &source).unwrap();
        let numbers: Vec<String> =
            spooled(folder.path()).lines().map(|line| field(line.as_bytes(), "__CURSOR").unwrap()[6..].to_owned()).collect();
        assert_eq!(numbers, ["1", "2", "3", "9", "3"]);
        source.stop.store(true, Ordering::Relaxed);
        let losses = source.take_losses();
        assert_eq!((losses[0].messages, losses[0].since), (Some(7), 3_000_000));
        assert_eq!((losses[1].messages, losses[1].since, losses[1].until), (None, 2_000_000, 9_000_000));
        assert_eq!(losses.len(), 2);
    }
}
