//! `cargo xtask test`: every check there is, each said, none silent, with a summary at the end.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::bench::misconfigurations;
use crate::step::{Outcome, Steps};

use crate::{browser, program, tidy, web, workspace};

type Work = fn() -> Result<Outcome>;

/// The steps in the order in which they are taken: the quick ones first.
const STEPS: [(&str, Work); 10] = [
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("tidy", tidy_step),
    ("web", web_step),
    ("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
    ("dependencies", dependencies_step),
    ("tests", tests_step),
    ("doc-tests", || cargo(&["test", "--workspace", "--doc"])),
    ("light-build", || cargo(&["check", "--package", "mailvane-server", "--no-default-features"])),
    ("servers", misconfigurations::step),
    ("browser", browser::test),
];

/// Takes all steps, or only those named.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let Some(unknown) = arguments.iter().find(|name| STEPS.iter().all(|(step, _)| step != name)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("no step {unknown:?}; there are: {}", names.join(" "));
    }
    let mut steps = Steps::default();
    for (name, work) in STEPS {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            steps.take(name, work);
        }
    }
    println!("\n{}", steps.summary());
    Ok(if steps.are_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    program::run(&mut workspace::cargo(arguments))?;
    Ok(Outcome::Passed)
}

fn tidy_step() -> Result<Outcome> {
    let problems = tidy::problems(&workspace::root())?;
    if problems.is_empty() {
        return Ok(Outcome::Passed);
    }
    bail!("{} untidy:\n{}", problems.len(), problems.join("\n"))
}

fn web_step() -> Result<Outcome> {
    web::packages()?;
    program::run(&mut web::npm(&["test"]))?;
    web::build()?;
    Ok(Outcome::Passed)
}

fn dependencies_step() -> Result<Outcome> {
    if !program::has_cargo_command("deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed: `cargo install --locked cargo-deny`".to_owned()));
    }
    cargo(&["deny", "check"])
}

fn tests_step() -> Result<Outcome> {
    if program::has_cargo_command("nextest") {
        return cargo(&["nextest", "run", "--workspace"]);
    }
    println!("cargo-nextest is not installed (`cargo install --locked cargo-nextest` makes this faster): using cargo test");
    cargo(&["test", "--workspace", "--lib", "--bins", "--tests"])
}
