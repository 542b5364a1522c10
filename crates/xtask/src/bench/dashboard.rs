//! The dashboard on a large store: how soon it starts, how long each page's questions take over HTTP, memory, and what it does when asked too
//! much. Beside the questions that read everything: DuckDB on the same Parquet files, where it is installed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::measure::{memory, processor};
use crate::program;
use crate::workspace::{self, Build};

/// Attempts and days unless asked.
const ATTEMPTS: u64 = 50_000_000;
const DAYS: u64 = 30;
/// Disk that a store of the usual size may take.
const BYTES_MAX: u64 = 6_000_000_000;
/// The longest wait for the start.
const START_LIMIT: Duration = Duration::from_secs(120);
/// The longest wait until it rests, how often is looked, and the share of one processor that is rest.
const SETTLE_LIMIT: Duration = Duration::from_secs(3600);
const SETTLE_LOOK: Duration = Duration::from_secs(2);
const RESTING: f64 = 0.05;
/// Questions at once when it is asked too much.
const CROWD: usize = 64;

/// What each page asks.
const PAGES: &[(&str, &[&str])] = &[
    (
        "Overview",
        &[
            "/status",
            "/attention",
            "/summary",
            "/series?metric=delivered,relayed,deferred,bounced,expired&context=yes",
            "/breakdown?by=provider&limit=8",
            "/breakdown?by=reason&limit=8",
            "/queue",
            "/trouble?limit=8",
        ],
    ),
    (
        "Overview, 30 days",
        &[
            "/summary?since=30d",
            "/series?since=30d&metric=delivered,deferred,bounced",
            "/breakdown?since=30d&by=provider",
            "/breakdown?since=30d&by=domain",
        ],
    ),
    (
        "Deliveries",
        &[
            "/series?since=7d&metric=delivered&by=provider&limit=6&context=yes",
            "/series?since=7d&metric=bounce_rate&by=sender_domain&limit=6",
            "/breakdown?since=7d&by=provider&limit=50",
            "/breakdown?since=7d&by=sender_domain&limit=50",
        ],
    ),
    (
        "Two filters, 7 days",
        &["/summary?since=7d&provider=google&reason=reputation", "/breakdown?since=7d&by=sender&provider=google&reason=reputation"],
    ),
    ("Failures", &["/failures?since=24h&limit=50"]),
    ("Messages", &["/messages?limit=50", "/messages?since=30d&q=info@&limit=50", "/messages?since=30d&status=bounced&limit=50"]),
    ("Security", &["/security?since=24h&limit=50"]),
    ("Sources", &["/sources"]),
];

/// Questions that no rollup answers, and the same for DuckDB, to which a reason is its code.
const AD_HOC: &[(&str, &str, &str)] = &[(
    "attempts by sender and reason, everything",
    "/breakdown?since=999d&by=sender&reason=mailbox_full&limit=50",
    "SELECT sender_local, sender_domain, count(*) FROM attempts WHERE reason = 4 GROUP BY ALL ORDER BY 3 DESC LIMIT 50",
)];

struct Asked {
    attempts: u64,
    days: u64,
    runs: usize,
    folder: Option<PathBuf>,
    profile: &'static str,
}

fn parse(arguments: &[String]) -> Result<Asked> {
    let mut asked = Asked { attempts: ATTEMPTS, days: DAYS, runs: 20, folder: None, profile: "release" };
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        if option == "--debug" {
            asked.profile = "dev";
            continue;
        }
        let value = rest.next().with_context(|| format!("{option} needs a value"))?;
        let number = || value.parse::<u64>().with_context(|| format!("{option} {value:?} is not a number"));
        match option.as_str() {
            "--attempts" => asked.attempts = number()?.max(1),
            "--days" => asked.days = number()?.max(1),
            "--runs" => asked.runs = number()?.max(1) as usize,
            "--folder" => asked.folder = Some(PathBuf::from(value)),
            _ => bail!("no option {option}: --attempts, --days, --runs, --folder (kept, and used again when it is there), --debug"),
        }
    }
    Ok(asked)
}

/// Runs it.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let asked = parse(arguments)?;
    let binary = workspace::build_program(asked.profile, Build::Whole)?;
    let (folder, is_ours) = match &asked.folder {
        Some(folder) => (folder.clone(), false),
        None => (std::env::temp_dir().join(format!("mailvane-dashboard-{}", std::process::id())), true),
    };
    let result = measured(&binary, &folder, &asked);
    if is_ours && let Err(error) = std::fs::remove_dir_all(&folder) {
        eprintln!("{} could not be removed: {error}", folder.display());
    }
    result
}

fn measured(binary: &Path, folder: &Path, asked: &Asked) -> Result<()> {
    let store = folder.join("store");
    if !store.exists() {
        let begun = Instant::now();
        let (attempts, days) = (asked.attempts.to_string(), asked.days.to_string());
        program::run(Command::new(binary).arg("bench-store").arg(&store).args(["--attempts", &attempts, "--days", &days]))?;
        println!("generated in {:.0} s", begun.elapsed().as_secs_f64());
    }
    let bytes = size(&store)?;
    println!("store     {:.2} GB on disk", bytes as f64 / 1e9);
    if bytes > BYTES_MAX {
        println!("          more than the {:.0} GB that it may have", BYTES_MAX as f64 / 1e9);
    }
    let server = Server::start(binary, folder)?;
    println!(
        "start     {:.0} ms to the first page, {:.0} ms to its first numbers",
        server.page.as_secs_f64() * 1e3,
        server.numbers.as_secs_f64() * 1e3
    );
    let settled = server.settle();
    println!("settled   after {:.0} s: what is stored was looked at by the rules, and merged", settled.as_secs_f64());
    println!("\n{:<22} {:>7} {:>9} {:>9} {:>9} {:>9}   slowest question", "page", "asked", "p50 ms", "p95 ms", "p99 ms", "CPU ms");
    for (page, questions) in PAGES {
        tell(page, questions, asked.runs, &server)?;
    }
    for (name, question, sql) in AD_HOC {
        tell(name, &[question], asked.runs.min(5), &server)?;
        duckdb(sql, &store)?;
    }
    println!("\nmemory    {:.0} MB at most", memory(server.child.id()) as f64 / 1e6);
    crowd(&server)
}

/// Asks each question of a page `runs` times, one after the other.
fn tell(page: &str, questions: &[&str], runs: usize, server: &Server) -> Result<()> {
    let mut all = Vec::new();
    let mut slowest = (0.0, "");
    let busy = processor(server.child.id());
    for question in questions {
        let mut times = Vec::new();
        for _ in 0..runs {
            let begun = Instant::now();
            let status = server.ask(&format!("/api/v1{question}"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            if status != 200 {
                bail!("{question} was answered {status}");
            }
        }
        let worst = quantile(&mut times.clone(), 0.95);
        if worst > slowest.0 {
            slowest = (worst, question);
        }
        all.extend(times);
    }
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| quantile(&mut all, share));
    // On a machine with other work, processor time says more than the clock.
    let busy = (processor(server.child.id()) - busy) * 1e3 / all.len().max(1) as f64;
    println!("{page:<22} {:>7} {p50:>9.1} {p95:>9.1} {p99:>9.1} {busy:>9.1}   {:.1} ms {}", all.len(), slowest.0, slowest.1);
    Ok(())
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(((values.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last)).copied().unwrap_or_default()
}

/// Many questions at once: some are answered, the rest is told to come again; none is left without an answer.
fn crowd(server: &Server) -> Result<()> {
    let question = "/api/v1/breakdown?since=999d&by=sender&reason=mailbox_full&limit=50";
    let statuses = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| server.ask(question))).collect();
        asking.into_iter().map(|one| one.join().map_err(|_| anyhow::anyhow!("a question broke off"))?).collect::<Result<Vec<u16>>>()
    })?;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    println!(
        "overload  {CROWD} at once: {} answered, {} sent away with 503, {} otherwise",
        count(200),
        count(503),
        CROWD - count(200) - count(503)
    );
    let begun = Instant::now();
    let status = server.ask("/api/v1/status")?;
    println!("          after that /status is answered {status} in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// The same question to DuckDB on the same files.
fn duckdb(sql: &str, store: &Path) -> Result<()> {
    let Some(found) = program::find("duckdb") else {
        println!("{:<22} DuckDB is not installed: no figure beside it", "");
        return Ok(());
    };
    let files = store.join("segments").join("*-attempts.parquet");
    let view = format!("CREATE VIEW attempts AS SELECT * FROM read_parquet('{}', union_by_name = true)", files.display());
    let begun = Instant::now();
    let output = Command::new(found).args(["-c", &view, "-c", sql]).output().context("cannot start duckdb")?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    match output.status.success() {
        true => println!("{:<22} DuckDB {took:.1} ms, its start included", ""),
        false => println!("{:<22} DuckDB cannot: {}", "", String::from_utf8_lossy(&output.stderr).trim()),
    }
    Ok(())
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { size(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// A `serve` on the store; ended with its value.
struct Server {
    child: Child,
    address: String,
    page: Duration,
    numbers: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let log = folder.join("mail.log");
        std::fs::write(&log, "")?;
        let config = folder.join("mailvane.toml");
        std::fs::write(&config, "[alerts]\nlist_queue = false\n")?;
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--listen", &address, "--timezone", "UTC", "--data-dir"])
            .arg(folder.join("store"))
            .arg("--config")
            .arg(&config)
            .arg(&log)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Server { child, address, page: Duration::ZERO, numbers: Duration::ZERO };
        server.page = server.wait("/", begun)?;
        server.numbers = server.wait("/api/v1/summary", begun)?;
        Ok(server)
    }

    /// Waits until it rests: after a start the rules look at what is stored.
    fn settle(&self) -> Duration {
        let begun = Instant::now();
        let mut before = processor(self.child.id());
        while begun.elapsed() < SETTLE_LIMIT {
            std::thread::sleep(SETTLE_LOOK);
            let now = processor(self.child.id());
            if now - before < SETTLE_LOOK.as_secs_f64() * RESTING {
                break;
            }
            before = now;
        }
        begun.elapsed()
    }

    fn wait(&mut self, path: &str, begun: Instant) -> Result<Duration> {
        loop {
            if self.ask(path).is_ok_and(|status| status == 200) {
                return Ok(begun.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`mailvane serve` ended before it answered ({status})");
            }
            if begun.elapsed() > START_LIMIT {
                bail!("`mailvane serve` does not answer {path} after {} s", START_LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks and reads the whole answer; its status.
    fn ask(&self, path: &str) -> Result<u16> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = String::from_utf8_lossy(answer.get(..32).unwrap_or(&answer)).into_owned();
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).with_context(|| format!("{path}: no answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duckdb_is_asked_for_the_reason_that_is_meant() {
        let code = mailvane_model::word::Reason::MailboxFull.code();
        assert!(
            AD_HOC.iter().all(|(_, question, sql)| question.contains("reason=mailbox_full") && sql.contains(&format!("reason = {code} ")))
        );
    }

    #[test]
    fn quantiles_are_of_the_values() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.5, 0.95, 0.99].map(|share| quantile(&mut values, share)), [50.0, 95.0, 99.0]);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let asked = parse(&words("--attempts 2000000 --days 4 --debug")).unwrap();
        assert_eq!((asked.attempts, asked.days, asked.profile), (2_000_000, 4, "dev"));
        assert!(parse(&words("--folder")).is_err() && parse(&words("--speed 9")).is_err());
    }
}
