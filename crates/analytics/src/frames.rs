//! Frames of the segments of a scope: the columns and rows that are needed, the next one read while one is gone through.

use std::sync::mpsc::sync_channel;

use mailvane_model::Time;
use mailvane_store::{Kind, Segment, Snapshot};
use polars::prelude::*;

use crate::Result;
use crate::condition::{is_value, lazy, living, micros, of_traffic, within_expression};
use crate::frame::Frame;
use crate::scope::{Dimension, Scope};

/// Which names of rows are wanted (addresses, domains, providers, hosts, users); others read as empty. Filters have theirs in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All that the scan knows.
    All,
    /// Those of a dimension.
    Of(Option<Dimension>),
}

impl Names {
    fn wants(self, column: &str, scope: &Scope) -> bool {
        let Names::Of(by) = self else { return true };
        let mut wanted = scope.filters.wanted.iter().map(|(dimension, _)| *dimension).chain(by);
        // Whether mail is somebody's own is told by its domains, and by who logged in.
        let tells_whose = scope.filters.within.is_some() && ["sender_domain", "recipient_domain", "sasl_user"].contains(&column);
        tells_whose || wanted.any(|dimension| columns(dimension).contains(&column))
    }
}

/// The columns that hold the key of a dimension.
const fn columns(dimension: Dimension) -> &'static [&'static str] {
    match dimension {
        Dimension::Provider => &["provider"],
        Dimension::Domain => &["recipient_domain"],
        Dimension::SenderDomain => &["sender_domain"],
        Dimension::Sender => &["sender_local", "sender_domain"],
        Dimension::Relay => &["relay_host"],
        Dimension::Client => &["client_ip"],
        // Logins have a column of that name.
        Dimension::User => &["sasl_user", "user"],
        Dimension::Instance | Dimension::Reason => &[],
    }
}

/// The columns a scan wants of one kind.
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) numbers: &'static [&'static str],
    pub(crate) strings: &'static [&'static str],
    /// Which column the span of time is about.
    pub(crate) clock: &'static str,
    /// A column that must not be empty.
    pub(crate) having: Option<&'static str>,
}

/// The rows of one segment.
fn of_segment(snapshot: &Snapshot, segment: &Segment, wanted: &Wanted, clock: &str, scope: &Scope, names: Names) -> Result<Frame> {
    let mut frame = living(lazy(segment)?, segment);
    frame = frame.filter(micros(clock).gt_eq(lit(scope.since.0)).and(micros(clock).lt(lit(scope.until.0))));
    let schema = frame.collect_schema()?;
    for condition in scope.filters.wanted.iter().filter_map(|(dimension, value)| is_value(*dimension, value, snapshot, &schema)) {
        frame = frame.filter(condition);
    }
    for condition in of_traffic(scope, &schema) {
        frame = frame.filter(condition);
    }
    if let Some(name) = wanted.having {
        frame = frame.filter(col(name).is_not_null().and(col(name).neq(lit(""))));
    }
    if let Some(condition) = scope.filters.within.as_ref().and_then(|within| within_expression(within, &schema)) {
        frame = frame.filter(condition);
    }
    let columns: Vec<Expr> = wanted
        .numbers
        .iter()
        .chain(wanted.strings.iter().filter(|name| names.wants(name, scope)))
        .chain(&["stream"])
        .filter(|name| schema.contains(name))
        .map(|name| col(*name))
        .collect();
    let frame = frame.select(columns).collect()?;
    Ok(Frame::new(&frame, wanted.numbers, wanted.strings, snapshot)?)
}

/// Hands out the rows of a scope that are in segments, one frame after the other, by the clock that the scan has.
pub(crate) fn frames(snapshot: &Snapshot, wanted: &Wanted, scope: &Scope, names: Names, see: impl FnMut(&Frame)) -> Result<()> {
    frames_by(wanted.clock, scope.until, snapshot, wanted, scope, names, see)
}

/// The same by another clock, out of segments up to `until`.
pub(crate) fn frames_by(
    clock: &str,
    until: Time,
    snapshot: &Snapshot,
    wanted: &Wanted,
    scope: &Scope,
    names: Names,
    mut see: impl FnMut(&Frame),
) -> Result<()> {
    let segments = snapshot.segments(wanted.kind, scope.since, until);
    let read = |segment: &Segment| of_segment(snapshot, segment, wanted, clock, scope, names);
    if segments.len() < 2 {
        return segments.iter().try_for_each(|segment| {
            see(&read(segment)?);
            Ok(())
        });
    }
    std::thread::scope(|threads| {
        // Without room in between: one frame is gone through and one is read, more would be memory only.
        let (sender, frames) = sync_channel(0);
        threads.spawn(move || {
            for segment in &segments {
                let frame = read(segment);
                let is_last = frame.is_err();
                if sender.send(frame).is_err() || is_last {
                    return;
                }
            }
        });
        for frame in frames {
            see(&frame?);
        }
        Ok(())
    })
}
