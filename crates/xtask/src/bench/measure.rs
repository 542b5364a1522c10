//! One run of a program: how long it took and how much memory it had at most.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often the memory of a running program is looked at. The kernel keeps the highest mark, so the last look counts.
const LOOK: Duration = Duration::from_millis(10);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// The most memory it had (`VmHWM`), in bytes; 0 where the system does not say.
    pub(super) peak: u64,
}

/// Runs a program, start and end included, and throws its output away.
pub(super) fn once(command: &mut Command) -> Result<Run> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().with_context(|| format!("cannot start {name}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(now) = std::fs::read_to_string(&status_file).ok().and_then(|text| high_mark(&text)) {
            peak = peak.max(now);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(Run { seconds, peak })
}

/// The most memory that a running program had, in bytes; 0 where the system does not say.
pub(super) fn memory(process: u32) -> u64 {
    std::fs::read_to_string(format!("/proc/{process}/status")).ok().and_then(|text| high_mark(&text)).unwrap_or_default()
}

/// The processor time that a running program had so far, in seconds; 0 where the system does not say.
pub(super) fn processor(process: u32) -> f64 {
    std::fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(|text| ticks(&text)).unwrap_or_default() as f64 / TICKS
}

/// The kernel tells times to programs in hundredths of a second, whatever it counts in itself.
const TICKS: f64 = 100.0;

/// User and system time: the 14th and 15th field; the second one is a name in brackets, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn high_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The one in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn processor_time_is_read_past_any_name() {
        assert_eq!(ticks("42 (a) 7 (b) S 1 1 1 0 -1 4194304 900 0 3 0 250 75 0 0 20 0 9 0 100 1 2"), Some(325));
        assert_eq!(ticks("42"), None);
    }

    #[test]
    fn the_high_mark_is_read_from_the_status_file() {
        assert_eq!(high_mark("Name:\tx\nVmHWM:\t  1234 kB\nVmRSS:\t 9 kB\n"), Some(1234 * 1024));
        assert_eq!(high_mark("Name:\tx\n"), None);
    }
}
