//! A program of the operator: the notice as JSON on its standard input, the essentials in its environment. It has a time limit; exit code 0
//! means that it took it.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::send::{Said, Tried};
use super::super::words::Words;
use super::webhook;
use crate::event::Notice;

/// How long it may run.
const WAIT: Duration = Duration::from_secs(30);
/// Bytes of its output that are read.
const OUTPUT: u64 = 2_000;

pub(crate) async fn run(command: &[String], notice: &Notice, words: &Words) -> Tried {
    let Some((program, arguments)) = command.split_first() else { return Tried::said(Said::Refused, "no program is named") };
    let Ok(input) = serde_json::to_vec(&webhook::body(notice, words)) else {
        return Tried::said(Said::Refused, "the notice cannot be written");
    };
    let spawned = tokio::process::Command::new(program)
        .args(arguments)
        .env("MAILVANE_SEVERITY", &words.severity)
        .env("MAILVANE_STATUS", &words.status)
        .env("MAILVANE_TITLE", &words.title)
        .env("MAILVANE_INCIDENT", &notice.incident)
        .env("MAILVANE_LINK", &words.link)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Tried::said(Said::Refused, &format!("{program} cannot be run: {error}")),
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let work = async {
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program may not want to know more.
                let _ = stdin.write_all(&input).await;
            }
        };
        let ((), out, errors) = tokio::join!(write, read(stdout), read(stderr));
        (child.wait().await, out, errors)
    };
    let Ok((status, out, errors)) = tokio::time::timeout(WAIT, work).await else {
        return Tried::said(Said::Deferred, &format!("{program} did not end within {} s", WAIT.as_secs()));
    };
    match status {
        Ok(status) if status.success() => Tried::said(Said::Accepted, format!("{status}: {out}").trim_end_matches(": ")),
        Ok(status) => Tried::said(Said::Deferred, &format!("{program}: {status}: {errors}")),
        Err(error) => Tried::said(Said::Deferred, &format!("{program}: {error}")),
    }
}

/// The beginning of what is written; the rest is read and dropped, so that nothing blocks.
async fn read(from: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut bytes = Vec::new();
    // What cannot be read was not said.
    let _ = (&mut from).take(OUTPUT).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    async fn script(text: &str) -> Tried {
        let command: Vec<String> = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
        run(&command, &notice(), &words(&notice(), Content::Full)).await
    }

    #[tokio::test]
    async fn a_program_gets_the_notice_and_its_exit_code_counts() {
        let tried = script("grep -q '\"severity\":\"page\"' && echo \"got $MAILVANE_SEVERITY\"").await;
        assert_eq!(tried.said, Said::Accepted, "{tried:?}");
        assert!(tried.reply.contains("got page"), "{tried:?}");
        let tried = script("echo no >&2; exit 3").await;
        assert!(tried.said == Said::Deferred && tried.reply.contains("no"), "{tried:?}");
        let tried = script("head -c 1000000 /dev/zero").await;
        assert_eq!(tried.said, Said::Accepted, "much output does not block");
        let none = run(&["/nonexistent/program".to_owned()], &notice(), &words(&notice(), Content::Full)).await;
        assert_eq!(none.said, Said::Refused);
    }
}
