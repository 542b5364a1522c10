//! Reports on a schedule in the outbox: their notice, and what is remembered of the last one.

use std::sync::Arc;

use anyhow::{Context, Result};
use mailvane_alert::Severity;
use mailvane_alert::event::{Notice, NoticeKind, Trend};
use mailvane_alert::notify::Sheet;
use mailvane_model::Time;
use mailvane_store::alerts::Alerts;
use serde::{Deserialize, Serialize};

use crate::reporting::Due;

/// The last report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The time of the schedule it was for.
    pub(crate) at: Option<i64>,
    /// What it says, for deliveries that still try.
    pub(crate) sheet: Option<Arc<Sheet>>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    at: i64,
    sheet: Option<Sheet>,
}

impl Report {
    /// The one that was kept.
    pub(crate) fn read(kept: &Alerts) -> Result<Self> {
        let Some(bytes) = kept.report()? else { return Ok(Report::default()) };
        let kept: Kept = serde_json::from_slice(&bytes).context("the last report was kept in a form that this version cannot read")?;
        Ok(Report { at: Some(kept.at), sheet: kept.sheet.map(Arc::new) })
    }

    /// As it is kept.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Kept { at: self.at.unwrap_or_default(), sheet: self.sheet.as_deref().cloned() })?)
    }

    /// When the last one was due.
    pub(crate) fn last(kept: &Alerts) -> Result<Option<Time>> {
        Ok(Report::read(kept)?.at.map(Time))
    }
}

/// The notice that carries a report through the outbox.
pub(super) fn notice_of(sheet: &Sheet, due: &Due, wall: Time) -> Notice {
    Notice {
        id: sheet.id.clone(),
        incident: String::new(),
        answers: None,
        kind: NoticeKind::Report,
        // Grave enough for every route that is not for pages alone.
        severity: Severity::Ticket,
        title: sheet.subject.clone(),
        at: wall.0,
        began: due.at.0,
        receivers: due.to.clone(),
        lines: Vec::new(),
        contrast: Vec::new(),
        samples: Vec::new(),
        young: false,
        summary: Vec::new(),
        trend: Trend::default(),
        changes: Vec::new(),
    }
}
