//! `cargo xtask run`: from a checkout to a running Mailvane.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{web, workspace};

/// Where distributions put the mail log.
const MAIL_LOGS: [&str; 4] = ["/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log", "/var/log/mail"];

/// Builds and starts it. Arguments after `--` go to the program.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (ours, theirs) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let profile = if ours.iter().any(|argument| argument == "--dev") { "dev" } else { "release" };
    println!("1/3 the dashboard");
    if let Err(problem) = web::build() {
        if !web::is_built() {
            return Err(problem);
        }
        eprintln!("the dashboard stays as it was built before: {problem:#}");
    }
    println!("2/3 the program ({profile}; the first time takes several minutes)");
    let program = workspace::build_program(profile, workspace::Build::Whole)?;
    let command = if has_mail_log() { "serve" } else { "demo" };
    println!("3/3 {} {command}", program.display());
    let status =
        Command::new(&program).arg(command).args(theirs).status().with_context(|| format!("cannot start {}", program.display()))?;
    Ok(ExitCode::from(status.code().map_or(1, |code| code.clamp(0, 255) as u8)))
}

/// Whether this machine has a mail log that we may read; says so when we may not.
fn has_mail_log() -> bool {
    for path in MAIL_LOGS.map(Path::new) {
        if !path.is_file() {
            continue;
        }
        match std::fs::File::open(path) {
            Ok(_) => {
                println!("found {}", path.display());
                return true;
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                eprintln!(
                    "may not read {}: `sudo usermod -aG adm $USER`, log in again and start once more; until then here is the demo",
                    path.display()
                );
            }
            Err(error) => eprintln!("cannot read {}: {error}", path.display()),
        }
    }
    println!("no mail log to read on this machine: starting the demo (simulated data)");
    false
}
