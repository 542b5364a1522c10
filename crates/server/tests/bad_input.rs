//! Files that are no logs, or damaged ones: clear words on stderr and the exit codes of the contract, never a panic.
//!
//! 0: fine; 1: done, with problems found; 2: could not do it.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Two lines of which one attempt comes.
const LINES: &str = "\
2026-11-02T08:00:00+00:00 mx1 postfix/qmgr[100]: 3F2A1B0C9D: from=<a@example.com>, size=1000, nrcpt=1 (queue active)\n\
2026-11-02T08:00:01+00:00 mx1 postfix/smtp[101]: 3F2A1B0C9D: to=<b@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, \
delays=0/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok)\n";

/// Every command that reads files.
const COMMANDS: [&str; 4] = ["report", "events", "records", "trace"];

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a command on a file; `input` is its standard input.
fn run(command: &str, file: &Path, input: &[u8]) -> Ended {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mailvane"));
    program.arg(command).args(["--timezone", "UTC"]);
    if command == "trace" {
        program.args(["--recipient", "b@example.net"]);
    }
    let mut child = program.arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end without reading: then there is nobody to write to.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ended.err.contains("panicked"), "{command} {}: {}", file.display(), ended.err);
    ended
}

/// Every command must end with this code, and stderr must say these words.
fn all_end(file: &Path, code: i32, words: &[&str]) {
    for command in COMMANDS {
        let ended = run(command, file, b"");
        assert_eq!(ended.code, Some(code), "{command} {}: {}", file.display(), ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{command} {}: `{word}` is not in `{}`", file.display(), ended.err);
        }
    }
}

/// `events` must tell of one delivered attempt, whatever stands around it.
fn tells_the_attempt(file: &Path, input: &[u8], code: i32) -> Ended {
    let ended = run("events", file, input);
    assert_eq!(ended.code, Some(code), "{}: {}", file.display(), ended.err);
    let attempts = ended.out.lines().filter(|line| line.contains(r#""kind":"attempt""#)).count();
    assert_eq!(attempts, 1, "{}: {}", file.display(), ended.out);
    ended
}

#[test]
fn what_cannot_be_read_at_all_ends_with_2() {
    let folder = folder("none");
    all_end(&folder, 2, &["is a directory", &folder.display().to_string()]);
    all_end(&folder.join("missing.log"), 2, &["no such file", "missing.log"]);
    let binary = folder.join("binary.log");
    std::fs::write(&binary, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0".repeat(200)).unwrap();
    all_end(&binary, 2, &["binary.log", "is not a text log"]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let empty = folder("empty").join("empty.log");
    std::fs::write(&empty, b"").unwrap();
    for command in COMMANDS {
        let ended = run(command, &empty, b"");
        assert!(matches!(ended.code, Some(0..=2)), "{command}: {:?} {}", ended.code, ended.err);
        assert!(ended.code == Some(0) || ended.err.contains("empty"), "{command}: {}", ended.err);
    }
}

#[test]
fn a_truncated_archive_counts_up_to_its_break_and_ends_with_1() {
    let cut = folder("cut").join("mail.log.2.gz");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(LINES.as_bytes()).unwrap();
    // What was flushed can be decoded although the end is missing.
    encoder.flush().unwrap();
    let noise =
        |number: u32| format!("2026-11-02T08:00:02+00:00 mx1 postfix/smtpd[{number}]: connect from unknown[192.0.2.{}]\n", number % 250);
    (0..5_000).for_each(|number| encoder.write_all(noise(number).as_bytes()).unwrap());
    let whole = encoder.finish().unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let ended = tells_the_attempt(&cut, b"", 1);
    assert!(ended.err.contains("ended too early") && ended.err.contains("mail.log.2.gz"), "{}", ended.err);
}

#[test]
fn strange_bytes_harm_only_their_own_lines() {
    let folder = folder("strange");
    let around: [(&str, Vec<u8>); 4] = [
        ("nuls", [vec![0; 5_000], b"\n".to_vec()].concat()),
        (
            "latin",
            b"2026-11-02T08:00:00+00:00 mx1 postfix/cleanup[1]: 4abc: warning: header Subject: \xfc\xff\xfe\x80 from local\n".to_vec(),
        ),
        ("blank", b"\n\r\n \n\t\n".to_vec()),
        ("controls", b"2026-11-02T08:00:00+00:00 \x1b[31mmx1 \x07postfix/smtpd[1]: \x00\x01\x02\n".to_vec()),
    ];
    for (name, bytes) in around {
        let path = folder.join(name);
        std::fs::write(&path, [LINES.as_bytes(), &bytes].concat()).unwrap();
        tells_the_attempt(&path, b"", 0);
        for command in COMMANDS {
            assert_eq!(run(command, &path, b"").code, Some(0), "{command} {name}");
        }
    }
}

#[test]
fn a_very_long_line_is_cut_and_reading_goes_on() {
    let path = folder("long").join("long.log");
    let (first, second) = LINES.split_at(LINES.find('\n').unwrap() + 1);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    file.write_all(first.as_bytes()).unwrap();
    file.write_all(b"2026-11-02T08:00:00+00:00 mx1 postfix/smtpd[1]: ").unwrap();
    (0..64).for_each(|_| file.write_all(&[b'x'; 1 << 20]).unwrap());
    file.write_all(b"\n").unwrap();
    file.write_all(second.as_bytes()).unwrap();
    file.into_inner().unwrap();
    tells_the_attempt(&path, b"", 0);
    let ended = run("records", &path, b"");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.len() < 1 << 20, "a cut line must not be printed whole: {} bytes", ended.out.len());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn standard_input_is_read() {
    tells_the_attempt(Path::new("-"), LINES.as_bytes(), 0);
    let without_end = LINES.trim_end();
    tells_the_attempt(Path::new("-"), without_end.as_bytes(), 0);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(LINES.as_bytes()).unwrap();
    tells_the_attempt(Path::new("-"), &encoder.finish().unwrap(), 0);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_names_the_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let path = folder("denied").join("mail.log");
    std::fs::write(&path, LINES).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // For root nothing is unreadable.
        return;
    }
    all_end(&path, 2, &["permission denied", "adm"]);
}

#[test]
fn when_the_reader_of_the_output_goes_away_it_ends_quietly() {
    let path = folder("pipe").join("mail.log");
    std::fs::write(&path, LINES.repeat(20_000)).unwrap();
    for command in ["events", "records"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailvane"))
            .args([command, "--timezone", "UTC"])
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 64];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stderr.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_ends_with_2() {
    for words in [&["report"][..], &["events", "--since", "soon", "-"], &["frobnicate"], &["report", "--mta", "sendfax", "-"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_mailvane")).args(words).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}
