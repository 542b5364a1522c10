//! Asks the mail server of this host for its queue: within a time, up to a size, and never twice at once.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mailvane_parse::listing::{Listed, exim, postfix};

use super::depths::Depths;
use super::lifetimes::Lifetimes;
use crate::rules;

/// A listing takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest line that is read: a message with very many recipients.
const LINE: u64 = 8 << 20;
/// Messages that are read; what lies beyond is not known.
const MESSAGES: u64 = 500_000;
/// Bytes of complaints that are kept.
const COMPLAINTS: u64 = 2_000;

/// Whose listing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `postqueue -j`.
    Postfix,
    /// `exim -bp`.
    Exim,
}

/// What was found out.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// What is in it.
    pub(crate) depths: Depths,
    /// How long messages live.
    pub(crate) lifetimes: Lifetimes,
    /// How long it took.
    pub(crate) took: Duration,
    /// Whether all was read.
    pub(crate) complete: bool,
}

/// The programs that list a queue, where they stand.
const PROGRAMS: [(&str, Kind); 6] = [
    ("/usr/sbin/postqueue", Kind::Postfix),
    ("/usr/local/sbin/postqueue", Kind::Postfix),
    ("/usr/sbin/exim4", Kind::Exim),
    ("/usr/sbin/exim", Kind::Exim),
    ("/usr/exim/bin/exim", Kind::Exim),
    ("/usr/local/sbin/exim", Kind::Exim),
];

/// The program of this host.
pub(crate) fn program() -> Option<(&'static str, Kind)> {
    PROGRAMS.into_iter().find(|(path, _)| Path::new(path).is_file())
}

/// Lists the queue of this host.
pub(crate) fn of_this_host(now: i64) -> Result<Look> {
    let Some((program, kind)) = program() else {
        bail!(
            "no Postfix and no Exim is installed here: give a listing with --from (`postqueue -j > FILE` or `exim -bp > FILE` on the mail server)"
        );
    };
    let argument = if kind == Kind::Postfix { "-j" } else { "-bp" };
    let mut child = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program} {argument}"))?;
    let lifetimes = if kind == Kind::Postfix { Lifetimes::ask_postfix() } else { Lifetimes::ask_exim(program) };
    let begun = Instant::now();
    let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else { bail!("{program} has no output") };
    // Who reads waits for each line: the limit of time is held from here.
    let (sender, receiver) = channel();
    let reader = std::thread::spawn(move || {
        // Nobody waits any more when the time is over.
        let _ = sender.send(read(BufReader::new(out), kind, lifetimes, now));
    });
    let complaints = std::thread::spawn(move || {
        let mut text = String::new();
        // What cannot be read was not said.
        let _ = errors.take(COMPLAINTS).read_to_string(&mut text);
        text
    });
    let look = receiver.recv_timeout(PATIENCE);
    let status = end(&mut child, look.is_err());
    drop(reader.join());
    let Ok(look) = look else { bail!("{program} {argument} did not end within {} s: the queue is very long", PATIENCE.as_secs()) };
    let look = look?;
    if !status.is_some_and(|status| status.success()) && look.complete {
        let text = complaints.join().unwrap_or_default();
        let hint = if kind == Kind::Postfix {
            "is it running, and may we? `postfix status`; without root the user of mailvane belongs into the group `postdrop`"
        } else {
            "may we? Exim shows its queue to administrators only: add the user of mailvane to the group of Exim"
        };
        bail!("{program} {argument}: {} ({hint})", text.trim());
    }
    Ok(Look { took: begun.elapsed(), ..look })
}

/// Waits for the end of a program, or ends it.
fn end(child: &mut Child, is_late: bool) -> Option<std::process::ExitStatus> {
    if is_late {
        // It may have ended by itself just now.
        let _ = child.kill();
    }
    child.wait().ok()
}

/// Reads a listing that was made elsewhere; tells by its first line whose it is.
pub(crate) fn of_text(mut text: impl BufRead, lifetimes: Lifetimes, now: i64) -> Result<Look> {
    let first = text.fill_buf().context("cannot read the listing")?;
    let is_json = first.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let begun = Instant::now();
    let look = read(text, if is_json { Kind::Postfix } else { Kind::Exim }, lifetimes, now)?;
    Ok(Look { took: begun.elapsed(), ..look })
}

fn read(mut text: impl BufRead, kind: Kind, lifetimes: Lifetimes, now: i64) -> Result<Look> {
    let rules = rules::current();
    let mut depths = Depths::default();
    let (mut messages, mut complete) = (0_u64, true);
    let mut exim = exim::Reader::default();
    let mut line = Vec::new();
    let mut add = |listed: &Listed| depths.add(listed, lifetimes, rules);
    let mut strange = 0;
    loop {
        line.clear();
        if (&mut text).take(LINE).read_until(b'\n', &mut line).context("cannot read the listing")? == 0 {
            break;
        }
        if messages >= MESSAGES {
            complete = false;
            break;
        }
        let words = String::from_utf8_lossy(&line);
        let listed = match kind {
            Kind::Postfix => {
                let listed = postfix::line(&words, now);
                strange += u64::from(listed.is_none() && !words.trim().is_empty());
                listed
            }
            Kind::Exim => exim.line(&words),
        };
        if let Some(listed) = listed {
            messages += 1;
            add(&listed);
        }
    }
    if let Some(listed) = exim.finish() {
        add(&listed);
    }
    depths.strange = strange;
    Ok(Look { depths, lifetimes, took: Duration::ZERO, complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_listings_are_known_by_their_first_line() {
        let json = "{\"queue_name\":\"deferred\",\"queue_id\":\"A\",\"arrival_time\":100,\"sender\":\"a@example.com\",\"recipients\":[{\"address\":\"b@example.net\"}]}\nwhat is this\n";
        let look = of_text(json.as_bytes(), Lifetimes::default(), 4_000).expect("read");
        assert_eq!((look.depths.oldest, look.depths.strange, look.complete), (3_900, 1, true));
        let text = "25m  2.9K 0t5C6f-0000c8-00 <alice@example.com>\n          red@example.net\n";
        let look = of_text(text.as_bytes(), Lifetimes::default(), 0).expect("read");
        assert_eq!((look.depths.oldest, look.depths.waiting()), (1_500, 1));
        assert_eq!(of_text(&b""[..], Lifetimes::default(), 0).expect("read").depths.waiting(), 0);
    }
}
