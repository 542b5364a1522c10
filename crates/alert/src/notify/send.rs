//! One delivery by one route.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono_tz::Tz;
use mailvane_reply::judge::Judge;
use mailvane_reply::provider::Providers;
use serde::{Deserialize, Serialize};

use super::channel::{alertmanager, command, mail, ntfy, pagerduty, post, slack, smtp, webhook};
use super::clean::{mask_addresses, one_line};
use super::route::{Receiver, Route, Way};
use super::words::{Content, Speech, Words};
use super::{html, picture};
use crate::error::Error;
use crate::event::Notice;

/// One try takes no longer than this, whatever the far side does.
const PATIENCE: Duration = Duration::from_secs(60);
/// A reply is cut after so many characters.
const REPLY: usize = 400;

/// What the far side said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It took it.
    Accepted,
    /// It will never take it.
    Refused,
    /// It does not take it now, cannot be reached, or nothing is known.
    Deferred,
}

/// One try and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// When, on the wall.
    pub at: i64,
    /// The route's name.
    pub route: String,
    /// What it said.
    pub said: Said,
    /// In its own words.
    pub reply: String,
    /// The queue ids in the replies to a mail.
    pub queue_ids: Vec<String>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// The recipients of a mail that were accepted.
    #[serde(default)]
    pub reached: Vec<String>,
}

impl Tried {
    /// Nothing was tried, or nothing is known of it.
    pub fn unknown(text: &str) -> Self {
        Tried {
            at: 0,
            route: String::new(),
            said: Said::Deferred,
            reply: one_line(text, REPLY),
            queue_ids: Vec::new(),
            took_ms: 0,
            reached: Vec::new(),
        }
    }

    /// Nothing was tried, and nothing will be.
    pub fn refused(text: &str) -> Self {
        Tried::said(Said::Refused, text)
    }

    pub(crate) fn said(said: Said, reply: &str) -> Self {
        Tried { said, ..Tried::unknown(reply) }
    }
}

/// The mail servers of a domain, the best first, or why they cannot be found out.
pub type Exchanges<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, String>> + Send + 'a>>;

/// Finds the mail servers of a domain.
pub trait FindExchanges: Send + Sync {
    /// The host names, the best first.
    fn of<'a>(&'a self, domain: &'a str) -> Exchanges<'a>;
}

/// A report as it goes out: one for all receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The id of its notice.
    pub id: String,
    /// In one line.
    pub subject: String,
    /// The report as text.
    pub text: String,
    /// The report as a page that needs its pictures and nothing else.
    pub html: String,
    /// The pictures of the page.
    #[serde(default)]
    pub pictures: Vec<Picture>,
}

/// A picture in a page, which shows it as `cid:NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its name.
    pub name: String,
    /// The picture: PNG, as base64.
    pub png: String,
}

impl Picture {
    /// Of a PNG.
    pub fn of(name: &str, png: &[u8]) -> Self {
        Picture { name: name.to_owned(), png: STANDARD.encode(png) }
    }
}

/// Sends notices.
pub struct Sender {
    http: reqwest::Client,
    judge: Judge,
    providers: Providers,
    exchanges: Arc<dyn FindExchanges>,
    zone: Tz,
    host: String,
    link: String,
}

impl Sender {
    /// A sender that speaks in a zone, for a host, links to a dashboard, and judges replies as the reports do.
    ///
    /// # Errors
    /// [`Error::Route`] when no HTTP client can be made.
    pub fn new(
        exchanges: Arc<dyn FindExchanges>,
        judge: Judge,
        providers: Providers,
        zone: Tz,
        host: &str,
        link: &str,
    ) -> Result<Self, Error> {
        Ok(Sender {
            http: post::client().map_err(Error::Route)?,
            judge,
            providers,
            exchanges,
            zone,
            host: host.to_owned(),
            link: link.trim_end_matches('/').to_owned(),
        })
    }

    /// Sends a notice by a route, of a mail to those who were not `reached` before. It never fails: what went wrong is in the answer.
    pub async fn send(&self, notice: &Notice, receiver: &Receiver, route: &Route, reached: &[String]) -> Tried {
        let begun = Instant::now();
        // Who wants it accepted sooner does not wait so long for one that hangs.
        let patience = PATIENCE.min(Duration::from_micros(receiver.accept_within.unsigned_abs().max(1_000_000)));
        let late = || Tried::said(Said::Deferred, &format!("no answer within {} s", patience.as_secs()));
        let tried = tokio::time::timeout(patience, self.by(notice, receiver, route, reached)).await.unwrap_or_else(|_| late());
        Tried { route: route.name.clone(), took_ms: begun.elapsed().as_millis() as u64, ..tried }
    }

    /// Sends a report by a route; only mail carries one. It never fails: what went wrong is in the answer.
    pub async fn send_sheet(&self, sheet: &Sheet, notice: &Notice, route: &Route) -> Tried {
        let begun = Instant::now();
        let late = || Tried::said(Said::Deferred, &format!("no answer within {} s", PATIENCE.as_secs()));
        let tried = tokio::time::timeout(PATIENCE, self.sheet_by(sheet, notice, route)).await.unwrap_or_else(|_| late());
        Tried { route: route.name.clone(), took_ms: begun.elapsed().as_millis() as u64, ..tried }
    }

    async fn sheet_by(&self, sheet: &Sheet, notice: &Notice, route: &Route) -> Tried {
        let (Way::Smtp { to, from, .. } | Way::Direct { to, from }) = &route.way else {
            return Tried::said(Said::Refused, "a report goes by mail only");
        };
        let told = |text: &str| if route.content == Content::Masked { mask_addresses(text) } else { text.to_owned() };
        let letter = mail::Letter {
            from,
            to,
            subject: &sheet.subject,
            text: &told(&sheet.text),
            html: &told(&sheet.html),
            // One that was kept in pieces is left out: the text has all the numbers.
            pictures: sheet.pictures.iter().filter_map(|one| Some((one.name.as_str(), STANDARD.decode(&one.png).ok()?))).collect(),
            host: &self.host,
        };
        match (mail::write(&letter, notice, std::time::SystemTime::now()), &route.way) {
            (Ok(bytes), Way::Smtp { relay, .. }) => smtp::by_relay(relay, &self.host, from, to, &bytes).await,
            (Ok(bytes), _) => smtp::direct(self.exchanges.as_ref(), &self.host, from, to, &bytes).await,
            (Err(error), _) => Tried::said(Said::Refused, &error.to_string()),
        }
    }

    /// The heartbeat: one GET that says that we are alive.
    pub async fn beat(&self, url: &str) -> Tried {
        post::get(&self.http, url).await
    }

    /// The words of a notice by a route.
    fn words(&self, notice: &Notice, route: &Route) -> Words {
        let speech = Speech {
            judge: &self.judge,
            providers: &self.providers,
            zone: self.zone,
            host: &self.host,
            link: &self.link,
            content: route.content,
        };
        Words::of(notice, &speech)
    }

    async fn by(&self, notice: &Notice, receiver: &Receiver, route: &Route, reached: &[String]) -> Tried {
        let words = self.words(notice, route);
        let refused = |text: String| Tried::said(Said::Refused, &text);
        let left = |to: &[String]| to.iter().filter(|address| !reached.contains(address)).cloned().collect::<Vec<_>>();
        let request = match &route.way {
            Way::Smtp { relay, to, from } => {
                return match self.mail(notice, receiver, &words, from, to) {
                    Ok(bytes) => smtp::by_relay(relay, &self.host, from, &left(to), &bytes).await,
                    Err(error) => refused(error.to_string()),
                };
            }
            Way::Direct { to, from } => {
                return match self.mail(notice, receiver, &words, from, to) {
                    Ok(bytes) => smtp::direct(self.exchanges.as_ref(), &self.host, from, &left(to), &bytes).await,
                    Err(error) => refused(error.to_string()),
                };
            }
            Way::Command { command } => return command::run(command, notice, &words).await,
            Way::Webhook { url, key } => webhook::request(url, key.as_ref(), notice, &words, chrono::Utc::now().timestamp()),
            Way::Alertmanager { url, token } => alertmanager::request(url, token.as_ref(), notice, &words),
            Way::Slack { url } => slack::request(url, notice, &words),
            Way::Ntfy { url, token } => ntfy::request(url, token.as_ref(), notice, &words),
            Way::PagerDuty { url, key } => pagerduty::request(url, key, notice, &words),
        };
        match request {
            Ok(request) => post::send(&self.http, request).await,
            Err(text) => refused(text),
        }
    }

    fn mail(&self, notice: &Notice, receiver: &Receiver, words: &Words, from: &str, to: &[String]) -> Result<Vec<u8>, Error> {
        // A picture that cannot be drawn is no reason not to send the words.
        let picture = picture::png(&notice.trend, self.zone).unwrap_or_else(|error| {
            drop(error);
            None
        });
        let templates = &receiver.templates;
        let letter = mail::Letter {
            from,
            to,
            subject: &templates.subject(words),
            text: &templates.text(words),
            html: &templates.html(words, picture.is_some()),
            pictures: picture.map(|bytes| (html::PICTURE, bytes)).into_iter().collect(),
            host: &self.host,
        };
        mail::write(&letter, notice, std::time::SystemTime::now())
    }
}
