//! `cargo xtask bench`: figures of the built program on a simulated log.

mod alerts;
mod check;
mod dashboard;
mod exim_log;
mod ingest;
mod measure;
pub(crate) mod misconfigurations;
mod network;
mod notices;
mod report;
pub(crate) mod sample;
mod verdicts;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::workspace::Build;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    megabytes: u64,
    seed: u64,
    runs: usize,
    rate: u64,
    seconds: u64,
    pflogsumm: bool,
    exim: bool,
    guided: bool,
    build: Build,
    out: Option<String>,
    sisimai: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            megabytes: 557,
            seed: 1,
            runs: 5,
            rate: 0,
            seconds: 60,
            pflogsumm: true,
            exim: false,
            guided: false,
            build: Build::Whole,
            out: None,
            sisimai: None,
        }
    }
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut wanted = Wanted::default();
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match option.as_str() {
                "--no-pflogsumm" => wanted.pflogsumm = false,
                "--exim" => wanted.exim = true,
                "--guided" => wanted.guided = true,
                "--light" => wanted.build = Build::Light,
                _ => wanted.set(option, rest.next().with_context(|| format!("{option} needs a value"))?)?,
            }
        }
        Ok(wanted)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<()> {
        let number = || value.parse::<u64>().with_context(|| format!("{option} {value:?} is not a number"));
        match option {
            "--megabytes" => self.megabytes = number()?,
            "--seed" => self.seed = number()?,
            "--runs" => self.runs = number()?.max(1) as usize,
            "--rate" => self.rate = number()?,
            "--seconds" => self.seconds = number()?,
            "--out" => self.out = Some(value.to_owned()),
            "--sisimai" => self.sisimai = Some(value.to_owned()),
            _ => bail!("no option {option}"),
        }
        Ok(())
    }
}

/// Runs one bench.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((which, rest)) = arguments.split_first() else {
        bail!("bench what? report, ingest, dashboard, verdicts, alerts, notices, misconfigurations, check or sample")
    };
    if which == "alerts" {
        alerts::run(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    if which == "dashboard" {
        dashboard::run(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    if which == "notices" {
        notices::run(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    if which == "check" {
        check::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    if which == "misconfigurations" {
        misconfigurations::run(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = Wanted::parse(rest)?;
    match which.as_str() {
        "report" => report::run(&wanted)?,
        "ingest" => ingest::run(&wanted)?,
        "verdicts" => verdicts::run(&wanted)?,
        "sample" => sample::write_out(&wanted)?,
        other => bail!("no bench {other:?}: report, ingest, dashboard, verdicts, alerts, notices, misconfigurations, check or sample"),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let wanted = Wanted::parse(&words("--megabytes 10 --no-pflogsumm --light --runs 0")).unwrap();
        assert_eq!((wanted.megabytes, wanted.runs, wanted.pflogsumm), (10, 1, false));
        assert!(Wanted::parse(&words("--megabytes ten")).is_err());
        assert!(Wanted::parse(&words("--colour 1")).is_err());
    }
}
