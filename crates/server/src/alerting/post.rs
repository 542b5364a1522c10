//! Notices out of the door: each delivery is a task of its own, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender as Back;

use mailvane_alert::event::NoticeKind;
use mailvane_alert::notify::{Delivery, Receiver, Said, Sender, Sheet, Tried};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::order::Message;

/// Notices on their way at once.
const SENDING: usize = 8;

/// Sends, and tells the thread of alerts what came of it.
pub(crate) struct Post {
    runtime: Handle,
    sender: Arc<Sender>,
    places: Arc<Semaphore>,
    back: Back<Message>,
    /// Whether the last heartbeat was heard.
    heard: Arc<AtomicBool>,
}

impl Post {
    /// Tasks run on `runtime`, and tell `back`.
    pub(crate) fn new(runtime: Handle, sender: Sender, back: Back<Message>) -> Self {
        let (places, heard) = (Arc::new(Semaphore::new(SENDING)), Arc::new(AtomicBool::new(true)));
        Post { runtime, sender: Arc::new(sender), places, back, heard }
    }

    /// Sends by the route that is next.
    pub(crate) fn send(&self, delivery: Delivery, receivers: &[Receiver], report: Option<&Arc<Sheet>>) {
        let receiver = receivers.iter().find(|receiver| receiver.name == delivery.receiver).cloned();
        let route = delivery.order.get(delivery.place).and_then(|place| receiver.as_ref()?.routes.get(*place).cloned());
        let (sender, places, back) = (Arc::clone(&self.sender), Arc::clone(&self.places), self.back.clone());
        let is_report = delivery.notice.kind == NoticeKind::Report;
        let sheet = report.filter(|sheet| sheet.id == delivery.notice.id).cloned();
        self.runtime.spawn(async move {
            let tried = match (&receiver, &route) {
                (Some(_), Some(route)) if is_report => {
                    // It is never closed.
                    let _place = places.acquire().await;
                    match &sheet {
                        Some(sheet) => sender.send_sheet(sheet, &delivery.notice, route).await,
                        None => Tried::refused("a later report has taken its place"),
                    }
                }
                (Some(receiver), Some(route)) => {
                    // It is never closed.
                    let _place = places.acquire().await;
                    sender.send(&delivery.notice, receiver, route, &delivery.reached).await
                }
                _ => Tried::unknown("the receiver or its route is not configured any more"),
            };
            // When the thread has ended, the outbox says that this one may have been sent.
            let _ = back.send(Message::Sent { delivery: delivery.id, tried });
        });
    }

    /// Asks for the address of the heartbeat.
    pub(crate) fn beat(&self, url: String) {
        let (sender, heard) = (Arc::clone(&self.sender), Arc::clone(&self.heard));
        self.runtime.spawn(async move {
            let tried = sender.beat(&url).await;
            let well = tried.said == Said::Accepted;
            if heard.swap(well, Ordering::Relaxed) != well {
                if well {
                    tracing::info!("the heartbeat is heard again");
                } else {
                    tracing::warn!("the heartbeat is not heard: {}", tried.reply);
                }
            }
        });
    }
}
