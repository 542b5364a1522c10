//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Tells the people who run mail servers what happened to their mail, why, and what to do about it.
#[derive(Debug, Parser)]
#[command(name = "mailvane", version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Summarise mail logs: totals, rates, what fails and why, delays, rejects, trouble on this server
    Report(Report),
    /// Print every event (messages, attempts, outcomes, rejections, ...) as one JSON object a line
    Events(Events),
    /// Print one JSON object for each input line: what was understood of it
    Records(Records),
    /// Show the life of matching messages, hop by hop, with the raw lines
    Trace(Trace),
    /// Say what a reply means, whose fault it is, and what to do
    Explain(Explain),
    /// Check a domain: MX, SPF, DKIM, DMARC, MTA-STS, DNSSEC, names of addresses, block lists, what Gmail, Yahoo and Microsoft ask for
    #[cfg(feature = "active")]
    Check(Check),
    /// Look at servers: SMTP, IMAP, POP3, TLS, a web page, block lists, or the whole way of a message
    #[cfg(feature = "active")]
    #[command(subcommand)]
    Probe(Probe),
    /// Alerts: validate rules, replay logs through them, try the routes of notices, see what goes on, silence, acknowledge
    #[command(subcommand)]
    Alerts(Alerts),
    /// The live queue of this host: depth, ages, by destination and cause, and what will expire
    Queue(Queue),
    /// List the addresses that should not be mailed again, with the evidence
    Suppress(Suppress),
    /// Apply the rules of now to what is stored, without reading logs
    #[cfg(feature = "daemon")]
    Reclassify(Reclassify),
    /// Follow the mail log of this machine: ingest, dashboard, API
    #[cfg(feature = "daemon")]
    Serve(Serve),
    /// Read older log files into the store, once; a running `serve` does it when there is one
    #[cfg(feature = "daemon")]
    Import(Import),
    /// A simulated busy host with incidents, through the same pipeline, in a temporary store
    #[cfg(feature = "daemon")]
    Demo(Demo),
    /// Users of the dashboard: add, list, remove, role, password
    #[cfg(feature = "daemon")]
    User(User),
    /// Tokens of the API for programs: add, list, revoke
    #[cfg(feature = "daemon")]
    Token(Token),
    /// Measure live ingest: a log through the engine of `serve` into a temporary store
    #[cfg(feature = "daemon")]
    #[command(hide = true)]
    BenchIngest(BenchIngest),
    /// Write a large store, to measure the dashboard with
    #[cfg(feature = "daemon")]
    #[command(hide = true)]
    BenchStore(BenchStore),
}

/// How log files are read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Log files, plain or compressed (.gz .zst .xz .bz2), in any order; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: Clock,
}

/// How times without year and zone are understood, and which program wrote the lines.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Clock {
    /// The year of the first line of each file, for logs without years (else found from the file's time)
    #[arg(long, value_name = "YEAR")]
    pub(crate) year: Option<i32>,
    /// The time zone of logs without zone, `Europe/Berlin` or `+02:00` (else this machine's)
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// The program that wrote the lines, when it cannot be told from them: postfix
    #[arg(long, value_name = "MTA")]
    pub(crate) mta: Option<String>,
    /// A domain of ours (may be given several times); else found from the log
    #[arg(long = "our-domain", value_name = "DOMAIN")]
    pub(crate) our_domains: Vec<String>,
}

/// Rules of one's own.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Rules {
    /// A folder with rule packs and providers of your own (*.toml); they win over ours
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
}

/// A span of time.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Span {
    /// From this time on: `yesterday`, `today`, `2026-11-02`, `2026-11-02T08:15`, `7d` (ago), RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to this time (not included)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) span: Span,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report as one self-contained HTML file
    #[arg(long, value_name = "OUT")]
    pub(crate) html: Option<PathBuf>,
    /// How many rows each table shows
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,
    /// Print to standard error where the time went
    #[arg(long)]
    pub(crate) timing: bool,
    /// Threads for reading and parsing (1 or more; 1 does everything in turn)
    #[arg(long, default_value_t = 2, value_name = "N", hide = true)]
    pub(crate) threads: usize,
}

#[derive(Args, Debug)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) span: Span,
    /// Print also the lines that were not understood
    #[arg(long)]
    pub(crate) unparsed: bool,
    /// Print only how many lines were recognised, ignored, unparsed
    #[arg(long)]
    pub(crate) stats: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Records {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Add the raw line to each object
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// Log files; without any, the store of `serve`, or the mail log of this machine where there is none. A word that is no file is looked
    /// for: a queue id, a Message-ID, an address, a host
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) span: Span,
    /// The queue id, on any hop
    #[arg(long, value_name = "ID")]
    pub(crate) queue_id: Option<String>,
    /// The Message-ID header, with or without angle brackets
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: Option<String>,
    /// The sender, or a part of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) sender: Option<String>,
    /// A recipient, before or after expansion, or a part of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) recipient: Option<String>,
    /// The client's name or address, or a part of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) client: Option<String>,
    /// Show at most this many messages
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
    /// Print JSON, one message a line
    #[arg(long)]
    pub(crate) json: bool,
    #[cfg(feature = "daemon")]
    #[command(flatten)]
    pub(crate) store: Stored,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// A reply, a whole log line, a code, a command; `-`, or none with something piped in, reads one a line from standard input
    #[arg(value_name = "REPLY")]
    pub(crate) reply: Vec<String>,
    #[command(flatten)]
    pub(crate) rules: Rules,
    /// Who sent the reply: a provider's name, or the host name of its server
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "active")]
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The domain, as it stands in From
    #[arg(value_name = "DOMAIN")]
    pub(crate) domain: String,
    /// Only these checks (may be given several times): zone mx ptr helo spf dkim dmarc mta-sts tls-rpt dane dnssec bimi caa dnsbl smtp
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// An address its mail leaves from (may be given several times)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Vec<std::net::IpAddr>,
    /// The name its servers say in HELO
    #[arg(long, value_name = "NAME")]
    pub(crate) helo: Vec<String>,
    /// An envelope sender of its mail; empty (`--sender ""`) for notices
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) sender: Vec<String>,
    /// A DKIM selector its mail is signed with (may be given several times)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) selector: Vec<String>,
    /// The signer's private key of a selector, to compare with what DNS says: SELECTOR=FILE
    #[arg(long, value_name = "SELECTOR=FILE")]
    pub(crate) key: Vec<String>,
    /// Mail leaves through this host, so that its addresses count and not ours
    #[arg(long, value_name = "HOST")]
    pub(crate) smarthost: Option<String>,
    /// A name server to ask, with or without port; two of them confirm each other (default: those of this machine)
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Vec<String>,
    /// Believe also the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// DNSSEC keys to begin with instead of those of the root: DNSKEY records, for zones with signatures that the root does not lead to
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Option<PathBuf>,
    /// Ask DNS only: fetch no policy over HTTPS, connect to no mail server
    #[arg(long)]
    pub(crate) offline_transport: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Queue {
    /// Read a listing that was made elsewhere (`postqueue -j` or `exim -bp`); `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Destinations that are shown
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) top: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[cfg(feature = "daemon")]
    #[command(flatten)]
    pub(crate) store: Stored,
}

/// Which probe.
#[cfg(feature = "active")]
#[derive(Debug, Subcommand)]
pub(crate) enum Probe {
    /// A mail server: greeting, capabilities, STARTTLS and certificate, AUTH; with --own also recipients and relaying
    Smtp(ProbeSmtp),
    /// A server of mailboxes: greeting, TLS and certificate, login
    Imap(ProbeHosts),
    /// A server of mailboxes: greeting, TLS and certificate, login
    Pop3(ProbeHosts),
    /// The certificate of any server that speaks TLS from the first byte
    Tls(ProbeHosts),
    /// A web page: status and certificate, as https://webmail.example.com/
    Http(ProbeHosts),
    /// Addresses or domains on block lists
    Dnsbl(ProbeDnsbl),
    /// A message on its whole way: submitted, followed in our own log, fetched over IMAP, measured, deleted
    Roundtrip(ProbeRoundTrip),
}

#[cfg(feature = "active")]
#[derive(Args, Clone, Debug)]
pub(crate) struct ProbeRoundTrip {
    /// Where the message is submitted: HOST or HOST:PORT (default port 587; 465 speaks TLS from the first byte)
    #[arg(value_name = "HOST:PORT")]
    pub(crate) submission: String,
    /// The server of the mailbox: HOST or HOST:PORT (default port 993; TLS from the first byte but on 143)
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) imap: String,
    /// The sender, an address of yours
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) mail_from: String,
    /// The recipient, a mailbox of yours
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rcpt: String,
    /// The name to log in with, at both servers
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// The file that holds the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Another name for the mailbox
    #[arg(long, value_name = "NAME", requires = "imap_password_file")]
    pub(crate) imap_user: Option<String>,
    /// The file that holds the password of the mailbox
    #[arg(long, value_name = "FILE", requires = "imap_user")]
    pub(crate) imap_password_file: Option<PathBuf>,
    /// Our own log, in which the message is followed when it does not arrive (may be given several times)
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Vec<PathBuf>,
    /// How long the message may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) wait: u64,
    /// Believe also the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Connect to this address instead of asking DNS, for both servers
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Vec<std::net::IpAddr>,
    /// A name server to ask, with or without port (default: those of this machine)
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "active")]
#[derive(Args, Debug)]
pub(crate) struct ProbeSmtp {
    #[command(flatten)]
    pub(crate) hosts: ProbeHosts,
    /// What the port is for: `exchange` (25), `submission` (587), `submissions` (465); else told from its number
    #[arg(long = "as", value_name = "USE")]
    pub(crate) purpose: Option<String>,
    /// The name to say in EHLO
    #[arg(long, value_name = "NAME")]
    pub(crate) helo: Option<String>,
    /// The server is mine: try recipients and relaying too (nothing is ever sent past RCPT)
    #[arg(long)]
    pub(crate) own: bool,
    /// A domain whose mailboxes the server has (with --own; may be given several times)
    #[arg(long, value_name = "DOMAIN", requires = "own")]
    pub(crate) domain: Vec<String>,
    /// A network the server relays for, else taken from Postfix here (with --own; may be given several times)
    #[arg(long, value_name = "NETWORK", requires = "own")]
    pub(crate) trusted: Vec<String>,
}

#[cfg(feature = "active")]
#[derive(Args, Debug)]
pub(crate) struct ProbeHosts {
    /// Servers: HOST, HOST:PORT, [IPV6]:PORT; for `http` an address as in a browser
    #[arg(value_name = "HOST:PORT", required = true)]
    pub(crate) hosts: Vec<String>,
    /// Connect to this address instead of asking DNS; names are still checked (may be given several times)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Vec<std::net::IpAddr>,
    /// Connect from this address of this machine
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<std::net::IpAddr>,
    /// Believe also the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Log in with this name
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// The file that holds the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// How long each step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
    /// One session only: leave out banned versions of TLS and commands smuggled in before TLS
    #[arg(long)]
    pub(crate) quick: bool,
    /// Try this instead of well-known servers when there is no answer, to tell whose fault it is (may be given several times)
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) control: Vec<String>,
    /// A name server to ask, with or without port (default: those of this machine)
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "active")]
#[derive(Args, Debug)]
pub(crate) struct ProbeDnsbl {
    /// Addresses or domains
    #[arg(value_name = "ADDRESS", required = true)]
    pub(crate) what: Vec<String>,
    /// A name server to ask, with or without port (default: those of this machine)
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) resolver: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with alert rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// Validate the rules: typos, unknown metrics and impossible windows with file, line and the nearest right name
    Check(AlertsCheck),
    /// Replay logs through the rules: what would have fired, when, for how long, and why
    Backtest(AlertsBacktest),
    /// Send a real test notice by each route and say what every server answered
    #[cfg(feature = "daemon")]
    Test(AlertsTest),
    /// What goes on, and what was over in the last days
    #[cfg(feature = "daemon")]
    List(AlertsList),
    /// Tell nothing of a rule or a group for a while
    #[cfg(feature = "daemon")]
    Silence(AlertsSilence),
    /// End a silence
    #[cfg(feature = "daemon")]
    Unsilence(AlertsId),
    /// Say that you have seen an incident: it is not repeated and goes no further
    #[cfg(feature = "daemon")]
    Ack(AlertsId),
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct AlertsTest {
    /// The configuration file with `[notify.NAME]`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only this receiver
    #[arg(long, value_name = "NAME")]
    pub(crate) receiver: Option<String>,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct AlertsList {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct AlertsSilence {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A rule, or a pattern (`*` stands for anything)
    #[arg(long, default_value = "", value_name = "RULE")]
    pub(crate) rule: String,
    /// A provider, user, domain or other key, or a pattern
    #[arg(long, default_value = "", value_name = "KEY")]
    pub(crate) key: String,
    /// For how long: `30m`, `2h`, `3d`
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) length: String,
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) comment: String,
    /// Who says so (default: you)
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct AlertsId {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The id that `mailvane alerts list` shows
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Who says so (default: you)
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AlertsCheck {
    /// A folder of rules that override those that ship, by file name
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AlertsBacktest {
    /// Log files, plain or compressed, in any order; `-` is standard input. Without files: what the store of `serve` holds
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) span: Span,
    #[command(flatten)]
    pub(crate) store: Stored,
    /// A folder of rules that override those that ship, by file name
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// Print JSON: one object with every incident and every change of state
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the store is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Stored {
    /// The configuration file of `serve`, for where the store is and which rules are yours
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the store is (default: the data directory of `serve`)
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Suppress {
    /// Log files; without any, the store of `serve` is read
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) span: Span,
    /// Print the addresses to suppress as CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Print everything as one JSON object, with what is held back and what is not yet sure
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: Stored,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct Reclassify {
    #[command(flatten)]
    pub(crate) store: Stored,
    #[command(flatten)]
    pub(crate) rules: Rules,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The configuration file; without one the mail log of this machine is found
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration and stop
    #[arg(long)]
    pub(crate) check: bool,
    /// Listen here instead (loopback only until there is an administrator)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// Keep the data here instead
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Read these logs (glob patterns) instead of what the configuration says or the machine has
    #[arg(value_name = "LOG")]
    pub(crate) logs: Vec<String>,
    /// How far back history is read at the first start: `7d`, `12h`, `all`
    #[arg(long, value_name = "SPAN")]
    pub(crate) history: Option<String>,
    #[command(flatten)]
    pub(crate) clock: Clock,
    #[command(flatten)]
    pub(crate) rules: Rules,
    /// Rows of one commit while history is read
    #[arg(long, hide = true, default_value_t = crate::live::engine::COMMIT_ROWS_HISTORY, value_name = "N")]
    pub(crate) commit_rows: usize,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The log files, plain or compressed, in any order
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The configuration file of `serve`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the store is (default: the data directory of `serve`)
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: Clock,
    /// Rows of one commit
    #[arg(long, hide = true, default_value_t = crate::live::import::COMMIT_ROWS, value_name = "N")]
    pub(crate) commit_rows: usize,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Listen here (loopback only)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// The seed of the simulated host
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Messages a day of the simulated host
    #[arg(long, default_value_t = 40_000, value_name = "N")]
    pub(crate) messages_per_day: u64,
    /// Days of history before now
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) days: u32,
}

/// Where the users are.
#[cfg(feature = "daemon")]
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// The configuration file of `serve`
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The data directory of `serve`
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Where a password comes from: typed on the terminal without being shown, unless told otherwise.
#[cfg(feature = "daemon")]
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Secret {
    /// Read the password from this file (its first line); `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct User {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) what: UserWhat,
}

/// What to do with users.
#[cfg(feature = "daemon")]
#[derive(Debug, Subcommand)]
pub(crate) enum UserWhat {
    /// Add a user
    Add {
        /// The name to log in with
        name: String,
        /// viewer (looks), operator (also silences alerts, runs probes), administrator (also manages users)
        #[arg(long, default_value = "viewer", value_name = "ROLE")]
        role: String,
        /// Only mail of this domain (may be given several times); else all
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<String>,
        /// Without a password: for users whom a trusted proxy names
        #[arg(long, conflicts_with = "password_file")]
        no_password: bool,
        #[command(flatten)]
        secret: Secret,
    },
    /// List the users
    List,
    /// Remove a user, with sessions and tokens
    Remove {
        /// The user
        name: String,
    },
    /// Set what a user may do
    Role {
        /// The user
        name: String,
        /// viewer, operator or administrator
        role: String,
        /// Only mail of this domain (may be given several times); else all
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<String>,
    },
    /// Set the password of a user; turns one-time codes off and ends the user's sessions
    Password {
        /// The user
        name: String,
        #[command(flatten)]
        secret: Secret,
    },
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) what: TokenWhat,
}

/// What to do with tokens.
#[cfg(feature = "daemon")]
#[derive(Debug, Subcommand)]
pub(crate) enum TokenWhat {
    /// Make a token and print it, this once
    Add {
        /// Whose it is: it can never do more than its user
        #[arg(long, value_name = "USER")]
        user: String,
        /// What it is for
        name: String,
        /// metrics, read, operate or administer (may be given several times)
        #[arg(long = "scope", default_value = "read", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// It ends after so many days; else never
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// List the tokens
    List,
    /// Revoke a token by its number
    Revoke {
        /// The number in the list
        id: i64,
    },
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct BenchStore {
    /// The folder of the store; it must not exist
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Delivery attempts
    #[arg(long, default_value_t = 50_000_000, value_name = "N")]
    pub(crate) attempts: u64,
    /// Days over which they are spread
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub(crate) days: u64,
}

#[cfg(feature = "daemon")]
#[derive(Args, Debug)]
pub(crate) struct BenchIngest {
    /// The log to replay
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Lines a second that are appended; 0: the whole file is there at once
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) rate: u64,
    /// For how long lines are appended at most, with --rate
    #[arg(long, default_value_t = 60, value_name = "S")]
    pub(crate) seconds: u64,
    /// Merge at the end, and say where the bytes of the store are
    #[arg(long)]
    pub(crate) sizes: bool,
    /// Measure instead how long a start takes with so many open messages
    #[arg(long, value_name = "N")]
    pub(crate) open: Option<u64>,
    /// Keep the lines of failures too, as `serve` does
    #[arg(long)]
    pub(crate) keep_failed_lines: bool,
}
