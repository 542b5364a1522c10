//! The numbers of a whole input in one pass: what `mailvane report` shows.
//!
//! A [`Fold`] takes rows as they become known and keeps sums only; [`Fold::finish`] makes the [`Report`] of them. Folds of
//! parts of an input may be merged.

mod door;
mod failure;
mod notice;
mod queue;
mod recipients;
pub mod report;
mod steps;
mod table;
mod tape;
mod traffic;

use mailvane_model::word::{Action, Level};
use mailvane_model::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Sink, Time};

use crate::count;
use crate::figure::{Door, Traffic};
use door::DoorFold;
use notice::Notices;
use queue::QueueFold;
pub use report::Report;
use report::Section;
use steps::Steps;
pub use tape::Tape;
use traffic::SectionFold;

/// Which rows count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The start of the window; rows before it are left out.
    pub since: Option<Time>,
    /// The end of the window; rows at it and after it are left out.
    pub until: Option<Time>,
}

/// What finishing needs to know.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// How many minutes east of UTC the reader's clock is at a time.
    pub offset_minutes: &'a dyn Fn(Time) -> i32,
    /// At most so many lines in each breakdown.
    pub top: usize,
}

/// Sums up rows.
#[derive(Clone, Debug)]
pub struct Fold {
    start: Time,
    end: Time,
    seen: Option<(Time, Time)>,
    /// By [`Traffic::code`].
    sections: Vec<Option<Box<SectionFold>>>,
    door: DoorFold,
    notices: Notices,
    queue: QueueFold,
    steps: Steps,
}

impl Fold {
    /// A fold without rows.
    pub fn new(options: Options) -> Self {
        Fold {
            start: options.since.unwrap_or(Time(i64::MIN)),
            end: options.until.unwrap_or(Time(i64::MAX)),
            seen: None,
            sections: vec![None; Traffic::SIZE],
            door: DoorFold::default(),
            notices: Notices::default(),
            queue: QueueFold::default(),
            steps: Steps::default(),
        }
    }

    /// Adds the sums of another part of the input, folded with the same options.
    pub fn merge(&mut self, other: &Fold) {
        if let Some((first, last)) = other.seen {
            self.see(first);
            self.see(last);
        }
        for section in other.sections.iter().flatten() {
            self.section(section.traffic()).merge(section);
        }
        self.door.merge(&other.door);
        self.notices.merge(&other.notices);
        self.queue.merge(&other.queue);
        self.steps.merge(&other.steps);
    }

    /// The report.
    pub fn finish(&self, context: &Context<'_>) -> Report {
        let mut sections: Vec<Section> = self.sections.iter().flatten().map(|section| section.finish(context.top)).collect();
        if !sections.iter().any(|section| section.traffic == Traffic::DEFAULT) {
            sections.push(Section { traffic: Traffic::DEFAULT, ..Section::default() });
        }
        sections.sort_by_key(|section| (section.traffic != Traffic::DEFAULT, section.traffic));
        let (rejections, logins, sessions) = self.door.finish(context.top);
        let (trouble, gaps, lifecycle) = self.notices.finish();
        let [hours, days, hours_of_day] = self.steps.finish(context.offset_minutes);
        let of_sections = self.sections.iter().flatten().flat_map(|section| section.limits());
        let of_others = [self.notices.limit(), self.queue.limit(), self.steps.limit()].into_iter().flatten();
        Report {
            first: self.seen.map(|seen| seen.0),
            last: self.seen.map(|seen| seen.1),
            sections,
            rejections,
            logins,
            sessions,
            trouble,
            gaps,
            lifecycle,
            queue: self.queue.finish(context.top),
            hours,
            days,
            hours_of_day,
            limits: of_sections.chain(self.door.limits()).chain(of_others).collect(),
        }
    }

    #[inline]
    fn is_inside(&self, time: Time) -> bool {
        self.start <= time && time < self.end
    }

    #[inline]
    fn see(&mut self, time: Time) {
        let (first, last) = self.seen.unwrap_or((time, time));
        self.seen = Some((first.min(time), last.max(time)));
    }

    #[inline]
    fn section(&mut self, traffic: Traffic) -> &mut SectionFold {
        self.sections[usize::from(traffic.code())].get_or_insert_with(|| Box::new(SectionFold::new(traffic)))
    }

    fn one_message(&mut self, row: &MessageRow<'_>, sign: i64) {
        let marks = count::message(row);
        if marks.is_empty() || !self.is_inside(row.time) {
            return;
        }
        let traffic = Traffic::of(row.population, row.direction);
        self.steps.add(row.time, traffic, &marks, sign);
        self.section(traffic).message(row, &marks, sign);
        self.see(row.time);
    }

    fn one_outcome(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        if !self.is_inside(row.time) {
            return;
        }
        let traffic = Traffic::of(row.population, row.direction);
        let marks = count::outcome(row);
        self.steps.add(row.time, traffic, &marks, sign);
        self.section(traffic).outcome(row, &marks, sign);
        self.queue.outcome(row, sign);
        self.see(row.time);
    }
}

impl Sink for Fold {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        if let Some(old) = replaced {
            self.one_message(old, -1);
        }
        self.one_message(row, 1);
    }

    fn attempt(&mut self, row: &AttemptRow<'_>) {
        if !self.is_inside(row.time) {
            return;
        }
        let marks = count::attempt(row, self.start);
        if marks.is_empty() {
            return;
        }
        let traffic = Traffic::of(row.population, row.direction);
        self.steps.add(row.time, traffic, &marks, 1);
        self.section(traffic).attempt(row, &marks);
        self.see(row.time);
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if let Some(old) = replaced {
            self.one_outcome(old, -1);
        }
        self.one_outcome(row, 1);
    }

    fn rejection(&mut self, row: &RejectionRow<'_>) {
        if self.is_inside(row.time) {
            if matches!(row.action, Action::Reject | Action::Defer) {
                self.steps.reject(row.time);
            }
            self.door.rejection(row);
            self.see(row.time);
        }
    }

    fn auth(&mut self, row: &AuthRow<'_>) {
        if self.is_inside(row.time) {
            self.door.auth(row);
            self.see(row.time);
        }
    }

    fn session(&mut self, row: &SessionRow<'_>) {
        if self.is_inside(row.time) {
            self.door.session(row);
            self.see(row.time);
        }
    }

    fn notice(&mut self, row: &NoticeRow<'_>) {
        if !self.is_inside(row.time) {
            return;
        }
        if let Some(door) = count::notice(row) {
            self.door.add(door);
        }
        self.notices.add(row);
        // A restart alone is no mail: such a day is still quiet.
        if row.level != Level::Info {
            self.see(row.time);
        }
    }
}

impl Report {
    /// One count at the door.
    pub fn door(&self, door: Door) -> u64 {
        self.rejections.get(door)
    }
}
