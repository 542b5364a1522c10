//! Browser tests: Chromium from the distribution, and a real program that serves a simulated host.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::step::Outcome;
use crate::{program, web, workspace};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The demo has made its history and answers within this time, also on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(3);

/// Chromium, installed from the distribution's packages when it is missing and we may; else how to get it.
fn chromium() -> Result<Result<PathBuf, String>> {
    if let Some(given) = std::env::var_os("CHROMIUM") {
        return Ok(Ok(PathBuf::from(given)));
    }
    if let Some(found) = NAMES.iter().find_map(|name| program::find(name)) {
        return Ok(Ok(found));
    }
    if !program::may_install() {
        return Ok(Err("Chromium was not found: `sudo apt install chromium`, or set CHROMIUM to a browser".to_owned()));
    }
    println!("installing Chromium (apt-get install chromium)");
    program::run(Command::new("apt-get").arg("update"))?;
    program::run(
        Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    program::find("chromium").map(Ok).context("apt-get installed no `chromium`")
}

/// The demo, ended when it goes out of scope.
struct Demo {
    child: Child,
    url: String,
    program: PathBuf,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start_demo() -> Result<Demo> {
    let built = workspace::build_program("dev", workspace::Build::Whole)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let child = Command::new(&built)
        .args(["demo", "--listen", &address, "--days", "1", "--messages-per-day", "3000"])
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", built.display()))?;
    let mut demo = Demo { child, url: format!("http://{address}"), program: built };
    let start = Instant::now();
    while TcpStream::connect(&address).is_err() {
        if let Some(status) = demo.child.try_wait()? {
            bail!("`mailvane demo` ended before it answered ({status})");
        }
        if start.elapsed() > START_LIMIT {
            bail!("`mailvane demo` does not answer at {address} after {} s", START_LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(demo)
}

/// Runs the browser tests against a real program.
pub(crate) fn test() -> Result<Outcome> {
    web::build()?;
    let browser = match chromium()? {
        Ok(browser) => browser,
        Err(how) => return Ok(Outcome::Skipped(how)),
    };
    let demo = start_demo()?;
    println!("{} against {}", browser.display(), demo.url);
    program::run(web::npm(&["run", "e2e"]).env("CHROMIUM", &browser).env("MAILVANE_URL", &demo.url).env("MAILVANE_BIN", &demo.program))?;
    Ok(Outcome::Passed)
}
