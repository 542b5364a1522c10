//! What people did, and whom they looked up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use mailvane_model::Time;
use mailvane_store::access::{Access as Rows, Deed};

use super::Access;

/// Deeds are kept so long.
const KEPT: i64 = 400 * Time::DAY;
/// So many deeds are kept.
const DEEDS_MAX: u64 = 200_000;
/// Bytes of a detail.
const DETAIL_MAX: usize = 500;
/// The same look within this time is one deed: a page asks again by itself.
const SAME_WITHIN: i64 = 5 * Time::MINUTE;
/// Looks that are remembered for that.
const RECENT_MAX: usize = 500;

/// The latest looks.
pub(super) type Recent = VecDeque<(Time, String)>;

/// Drops old deeds.
pub(super) fn forget(rows: &Rows, now: Time) -> mailvane_store::Result<()> {
    rows.forget_deeds(now.plus(-KEPT), DEEDS_MAX).map(drop)
}

/// Text without control characters, cut to a length.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for each in text.chars().map(|each| if each.is_control() { '\u{fffd}' } else { each }) {
        if out.len() + each.len_utf8() > DETAIL_MAX {
            out.push('…');
            break;
        }
        out.push(each);
    }
    out
}

impl Access {
    /// Keeps a deed. When that fails the daemon's log says so: a full disk must not keep people from seeing that it is full.
    pub(crate) async fn note(self: &Arc<Self>, who: &str, address: IpAddr, action: &'static str, detail: &str) {
        let (who, address, detail) = (plain(who), address.to_string(), plain(detail));
        let noted = self.run(move |rows| {
            let time = Time::from_chrono(&chrono::Utc::now());
            rows.note(&Deed { time, who: &who, address: &address, action, detail: &detail })
        });
        if noted.await.is_err() {
            self.counts.deeds_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps that somebody looked something up; the same look again at once is not kept twice.
    pub(crate) async fn note_look(self: &Arc<Self>, who: &str, address: IpAddr, action: &'static str, detail: &str, now: Time) {
        let key = format!("{who} {action} {detail}");
        {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            while recent.front().is_some_and(|first| first.0.plus(SAME_WITHIN) <= now) || recent.len() >= RECENT_MAX {
                recent.pop_front();
            }
            if recent.iter().any(|known| known.1 == key) {
                return;
            }
            recent.push_back((now, key));
        }
        self.note(who, address, action, detail).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_short_line() {
        assert_eq!(plain("joe\r\n2026 forged"), "joe\u{fffd}\u{fffd}2026 forged");
        assert!(plain(&"é".repeat(1000)).len() <= DETAIL_MAX + 4);
    }
}
