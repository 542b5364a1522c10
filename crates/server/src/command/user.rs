//! `mailvane user`: users, from the command line. Works while `serve` runs, which sees each change with the next request.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use mailvane_model::Time;
use mailvane_store::access::{Access as Rows, Deed, NewUser, UserRow};

use crate::Ending;
use crate::access::role::{Role, role_words};
use crate::access::{self, domains, password};
use crate::cli::{Place, Secret, User, UserWhat};
use crate::config::Config;

/// Bytes of a file with a password that are looked at.
const FILE_MAX: u64 = 4096;

/// The exit code of an interrupted program.
const INTERRUPTED: i32 = 130;

/// Runs it.
pub(crate) fn run(arguments: &User, now: Time) -> Result<Ending> {
    let rows = open(&arguments.place)?;
    match &arguments.what {
        UserWhat::Add { name, role, domains, no_password, secret } => add(&rows, name, role, domains, *no_password, secret, now)?,
        UserWhat::List => list(&rows)?,
        UserWhat::Remove { name } => {
            let user = find(&rows, name)?;
            if !rows.remove_user(user.id, Role::Administrator.word())? {
                bail!("{} is the last administrator: make another one first", user.name);
            }
            note(&rows, now, "user_removed", &user.name)?;
        }
        UserWhat::Role { name, role, domains } => {
            let (user, role, domains) = (find(&rows, name)?, read_role(role)?, read_domains(domains)?);
            if role == Role::Administrator && !domains.is_empty() {
                bail!("an administrator sees all domains: leave --domain out, or choose another role");
            }
            if !rows.set_role(user.id, role.word(), &domains, Role::Administrator.word())? {
                bail!("{} is the last administrator: make another one first", user.name);
            }
            note(&rows, now, "user_changed", &format!("{} to {role}", user.name))?;
        }
        UserWhat::Password { name, secret } => {
            let user = find(&rows, name)?;
            let hash = password::hash(&read_password(secret, &user.name)?)?;
            rows.set_password(user.id, &hash)?;
            rows.set_totp(user.id, None, &[])?;
            rows.end_sessions_of(user.id, None)?;
            note(&rows, now, "password_reset", &user.name)?;
        }
    }
    Ok(Ending::Fine)
}

/// Opens the users that `serve` has.
pub(super) fn open(place: &Place) -> Result<Rows> {
    let config = match &place.config {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    };
    access::rows(&super::serve::data_folder(place.data_dir.as_deref(), &config))
}

/// A user by name.
pub(super) fn find(rows: &Rows, name: &str) -> Result<UserRow> {
    rows.user(&name.to_lowercase())?.with_context(|| format!("there is no user `{name}`: `mailvane user list` shows them"))
}

/// Keeps what was done here, under the name of whoever runs the command.
pub(super) fn note(rows: &Rows, now: Time, action: &str, detail: &str) -> Result<()> {
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "?".to_owned());
    let who = format!("{user} (command line)");
    rows.note(&Deed { time: now, who: &who, address: "", action, detail })?;
    Ok(())
}

fn read_role(word: &str) -> Result<Role> {
    Role::of_user(word).with_context(|| format!("`{word}` is not a role: use {}", role_words()))
}

fn read_domains(given: &[String]) -> Result<Vec<String>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    domains::read(given).map_err(|problem| anyhow::anyhow!(problem))
}

fn add(rows: &Rows, name: &str, role: &str, domains: &[String], no_password: bool, secret: &Secret, now: Time) -> Result<()> {
    let name = password::name(name).map_err(|problem| anyhow::anyhow!("`{name}`: {problem}"))?;
    let (role, domains) = (read_role(role)?, read_domains(domains)?);
    if role == Role::Administrator && !domains.is_empty() {
        bail!("an administrator sees all domains: leave --domain out, or choose another role");
    }
    if rows.user(&name)?.is_some() {
        bail!("there is a user {name} already: `mailvane user role` and `mailvane user password` change it");
    }
    let hash = if no_password { String::new() } else { password::hash(&read_password(secret, &name)?)? };
    let new = NewUser { name: &name, role: role.word(), password: &hash, domains: &domains, created: now };
    if rows.add_user(&new)?.is_none() {
        bail!("there is a user {name} already");
    }
    note(rows, now, "user_added", &format!("{name} as {role}"))?;
    writeln!(std::io::stdout(), "added {name} as {role}")?;
    Ok(())
}

fn list(rows: &Rows) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for user in rows.users()? {
        let domains = if user.domains.is_empty() { "all domains".to_owned() } else { user.domains.join(", ") };
        let codes = if user.totp.is_some() { ", one-time codes" } else { "" };
        let password = if user.password.is_empty() { ", no password" } else { "" };
        let seen = user.seen.map_or_else(|| "never logged in".to_owned(), |seen| format!("last login {}", seen.rfc3339(0)));
        writeln!(out, "{:<24} {:<14} {domains}; {seen}{codes}{password}", user.name, user.role)?;
    }
    Ok(())
}

fn read_password(secret: &Secret, name: &str) -> Result<String> {
    let given = match &secret.password_file {
        Some(path) if path.as_os_str() == "-" => {
            first_line(&mut std::io::stdin().lock()).context("cannot read the password from standard input")?
        }
        Some(path) => from_file(path)?,
        None if std::io::stdin().is_terminal() => typed()?,
        None => first_line(&mut std::io::stdin().lock()).context("cannot read the password from standard input")?,
    };
    match password::problem(&given, name) {
        Some(problem) => bail!("{problem}"),
        None => Ok(given),
    }
}

fn from_file(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read the password file {}", path.display()))?;
    first_line(&mut std::io::BufReader::new(&mut file)).with_context(|| format!("cannot read the password file {}", path.display()))
}

fn first_line(input: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    input.by_ref().take(FILE_MAX).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks twice on the terminal, without showing what is typed.
fn typed() -> Result<String> {
    let _quiet = Quiet::begin()?;
    let ask = |words: &str| -> Result<String> {
        let mut out = std::io::stderr();
        write!(out, "{words}: ")?;
        out.flush()?;
        let line = first_line(&mut std::io::stdin().lock())?;
        writeln!(out)?;
        Ok(line)
    };
    let first = ask("Password")?;
    if ask("Again")? != first {
        bail!("the two passwords differ");
    }
    Ok(first)
}

/// A terminal that does not show what is typed, until this goes.
struct Quiet;

impl Quiet {
    fn begin() -> Result<Self> {
        if !stty("-echo") {
            bail!("the terminal cannot be told to hide what is typed: give --password-file");
        }
        std::thread::spawn(shown_again_when_interrupted);
        Ok(Quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Whoever gives up at the question gets the terminal back as it was.
fn shown_again_when_interrupted() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
        stty("echo");
        std::process::exit(INTERRUPTED);
    }
}

fn stty(what: &str) -> bool {
    let told = Command::new("stty").arg(what).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    told.is_ok_and(|status| status.success())
}
