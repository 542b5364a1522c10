//! The Unix socket of a running `serve`: commands that find the store locked ask it instead.
//!
//! A connection carries one question: a line of JSON (`{"ask":"status"}`), answered by lines of JSON: any number of
//! `{"progress":"words for people"}`, then one `{"answer":...}` or `{"error":"words for people"}`. A new question is a variant of
//! [`Question`] and an arm of the [`Answer`] that `serve` hands to [`listen`].

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli;

/// Its name in the data folder.
const NAME: &str = "socket";
/// Bytes of a question.
const QUESTION_BYTES_MAX: u64 = 1 << 20;
/// Questions answered at once; further ones are told to come back.
const QUESTIONS_MAX: usize = 8;
/// How long a question may take to arrive, and a line of the answer to leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the listener looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Question {
    /// How ingest stands.
    Status,
    /// Read older files into the store.
    Import {
        /// The files, by absolute paths.
        files: Vec<PathBuf>,
        /// How their times are understood.
        clock: cli::Clock,
    },
    /// How the live queue drains, and what will come back.
    Queue,
    /// The lives of some messages, as text.
    Trace(Box<crate::command::trace::stored::Asked>),
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Progress(String),
    Answer(Value),
    Error(String),
}

/// Who answers.
pub(crate) trait Answer: Send + Sync {
    /// The answer to a question. `progress` says on the way how far it is, and fails when nobody listens any more.
    fn answer(&self, question: Question, progress: &mut dyn FnMut(&str) -> Result<()>) -> Result<Value>;
}

/// Whether a process listens for questions about this store.
pub(crate) fn is_there(folder: &Path) -> bool {
    UnixStream::connect(folder.join(NAME)).is_ok()
}

/// Asks the `serve` that has the store in `folder`.
pub(crate) fn ask(folder: &Path, question: &Question, mut progress: impl FnMut(&str)) -> Result<Value> {
    let path = folder.join(NAME);
    let hint = || format!("cannot ask the `mailvane serve` that uses {}: its socket is {}", folder.display(), path.display());
    let mut stream = UnixStream::connect(&path).with_context(hint)?;
    let mut text = serde_json::to_string(question)?;
    text.push('\n');
    stream.write_all(text.as_bytes()).with_context(hint)?;
    for line in BufReader::new(stream).lines() {
        let line = line.with_context(hint)?;
        match serde_json::from_str(&line)
            .context("the running `mailvane serve` is of another version: it answered what is not known here")?
        {
            Line::Progress(words) => progress(&words),
            Line::Answer(value) => return Ok(value),
            Line::Error(words) => bail!("{words}"),
        }
    }
    bail!("the running `mailvane serve` went away before it answered")
}

/// Listens until it is dropped.
pub(crate) struct Listening {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Listens for questions about the store in `folder`, whose lock this process must hold: a socket that is there already is of a process
/// that is gone.
pub(crate) fn listen(folder: &Path, answerer: Arc<dyn Answer>) -> Result<Listening> {
    let path = folder.join(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => bail!("{}: {error}", path.display()),
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).with_context(|| path.display().to_string())?;
    listener.set_nonblocking(true).with_context(|| path.display().to_string())?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("socket".to_owned()).spawn(move || accept(&listener, &answerer, &stopped))?;
    Ok(Listening { path, stop, thread: Some(thread) })
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that broke off listens no more: that is what is wanted.
            drop(thread.join());
        }
        // One that stays is taken away at the next start.
        drop(std::fs::remove_file(&self.path));
    }
}

fn accept(listener: &UnixListener, answerer: &Arc<dyn Answer>, stop: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    while !stop.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK_EVERY);
            continue;
        };
        let (answerer, open) = (Arc::clone(answerer), Arc::clone(&open));
        let busy = open.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX;
        // Not waited for: whoever asks is told that it went away.
        drop(std::thread::Builder::new().name("question".to_owned()).spawn(move || {
            if let Err(error) = converse(stream, &*answerer, busy) {
                tracing::debug!("a question over the socket: {error:#}");
            }
            open.fetch_sub(1, Ordering::Relaxed);
        }));
    }
}

fn converse(stream: UnixStream, answerer: &dyn Answer, busy: bool) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = stream.try_clone()?;
    let mut say = move |line: &Line| -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        Ok(out.write_all(text.as_bytes())?)
    };
    let mut text = String::new();
    BufReader::new(stream.take(QUESTION_BYTES_MAX)).read_line(&mut text)?;
    if busy {
        return say(&Line::Error("too many questions at once: try again in a moment".to_owned()));
    }
    let result = serde_json::from_str(&text)
        .context("this `mailvane serve` does not know the question: it may be of another version than the command that asks")
        .and_then(|question| answerer.answer(question, &mut |words| say(&Line::Progress(words.to_owned()))));
    match result {
        Ok(value) => say(&Line::Answer(value)),
        Err(error) => say(&Line::Error(format!("{error:#}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Echo;

    impl Answer for Echo {
        fn answer(&self, question: Question, progress: &mut dyn FnMut(&str) -> Result<()>) -> Result<Value> {
            match question {
                Question::Status | Question::Queue | Question::Trace(_) => Ok(serde_json::json!({ "fine": true })),
                Question::Import { files, .. } => {
                    for file in &files {
                        progress(&file.display().to_string())?;
                    }
                    bail!("no file of it can be read")
                }
            }
        }
    }

    #[test]
    fn a_question_is_answered() {
        let folder = std::env::temp_dir().join(format!("mailvane-socket-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(!is_there(&folder));
        // What a process that was killed left behind is no obstacle.
        drop(UnixListener::bind(folder.join(NAME)).unwrap());
        let listening = listen(&folder, Arc::new(Echo)).unwrap();
        assert!(is_there(&folder));
        assert_eq!(ask(&folder, &Question::Status, |_| {}).unwrap(), serde_json::json!({ "fine": true }));
        let mut said = Vec::new();
        let question = Question::Import { files: vec!["a".into(), "b".into()], clock: cli::Clock::default() };
        let error = ask(&folder, &question, |words| said.push(words.to_owned())).unwrap_err();
        assert_eq!((said, error.to_string()), (vec!["a".to_owned(), "b".to_owned()], "no file of it can be read".to_owned()));
        let mut stream = UnixStream::connect(folder.join(NAME)).unwrap();
        stream.write_all(b"{\"ask\":\"the-time\"}\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("does not know the question"), "{text}");
        drop(listening);
        assert!(ask(&folder, &Question::Status, |_| {}).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
