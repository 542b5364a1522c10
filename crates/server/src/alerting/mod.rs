//! Alerts at work: rules over what is committed, notices on their way.
//!
//! * [`rules`]: rules from a folder; [`reload`]: again when they change.
//! * [`settings`]: what the configuration says of rules and receivers.
//! * [`rows`]: what is committed, from one time to another; [`replay`]: through rules that are only tried.
//! * `look`: rows through the fold into the engine.
//! * [`watch`]: the thread that judges, keeps and tells. It looks at the store as readers do, so that ingest never waits for it, and what was
//!   judged when is the same after a crash.
//! * [`order`], [`board`]: what people ask of it, and what it shows them; [`details`]: the words of what goes on.
//! * [`post`]: tasks that send. [`report`]: reports on a schedule among them.
//! * [`lister`]: asks for the live queue now and then.
//! * [`exchanges`]: the mail servers of a domain, for notices that go straight there.

#[cfg(feature = "daemon")]
pub(crate) mod board;
#[cfg(feature = "daemon")]
pub(crate) mod details;
#[cfg(feature = "daemon")]
pub(crate) mod exchanges;
#[cfg(feature = "daemon")]
pub(crate) mod lister;
#[cfg(feature = "daemon")]
mod look;
#[cfg(feature = "daemon")]
pub(crate) mod order;
#[cfg(feature = "daemon")]
pub(crate) mod post;
#[cfg(feature = "daemon")]
pub(crate) mod reload;
#[cfg(feature = "daemon")]
pub(crate) mod replay;
#[cfg(feature = "daemon")]
pub(crate) mod report;
#[cfg(feature = "daemon")]
pub(crate) mod rows;
pub(crate) mod rules;
#[cfg(feature = "daemon")]
pub(crate) mod settings;
#[cfg(feature = "daemon")]
pub(crate) mod trial;
#[cfg(feature = "daemon")]
pub(crate) mod watch;

#[cfg(feature = "daemon")]
use std::path::Path;
#[cfg(feature = "daemon")]
use std::sync::Arc;

#[cfg(feature = "daemon")]
use anyhow::Result;

/// Makes the sender of a plan.
#[cfg(feature = "daemon")]
pub(crate) fn sender(plan: &settings::Plan, listen: &str) -> Result<mailvane_alert::notify::Sender> {
    let judging = crate::rules::current();
    let link = if plan.link.is_empty() { listen } else { &plan.link };
    let (judge, providers) = (judging.judge.clone(), judging.providers.clone());
    Ok(mailvane_alert::notify::Sender::new(Arc::new(exchanges::Dns), judge, providers, plan.zone, &plan.own.host, link)?)
}

/// Everything that alerts need: what they show, the work of their thread, and the way to it.
#[cfg(feature = "daemon")]
pub(crate) fn begin(
    plan: settings::Plan,
    folder: &Path,
    shared: &Arc<crate::live::view::Shared>,
    runtime: &tokio::runtime::Handle,
) -> Result<(Arc<board::Board>, watch::Watch, std::sync::mpsc::Sender<order::Message>)> {
    let kept = Arc::new(mailvane_store::alerts::Alerts::open(folder)?);
    let (back, inbox) = std::sync::mpsc::channel();
    let sender = sender(&plan, &shared.about.listen)?;
    let post = post::Post::new(runtime.clone(), sender, back.clone());
    let lister = lister::Lister::new(plan.lists_queue, back.clone());
    let board = Arc::new(board::Board::new(kept, back.clone()));
    let watch = watch::Watch::open(plan, Arc::clone(shared), Arc::clone(&board), inbox, post, lister)?;
    Ok((board, watch, back))
}
