//! What is still to come: lines already rendered and work still to do, both in time order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use mailvane_model::Time;

use crate::process::{Program, Taken};
use crate::truth::{Mark, RecipientRecord};

/// Work to do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The next piece of traffic of a kind, given by its index.
    Traffic(u8),
    /// Look again whether a kind of traffic has become busier.
    Redraw(u8),
    /// A part of this week's newsletter: how many messages are left.
    Newsletter(u32),
    /// Try the recipients of a message again.
    Retry(u32),
    /// A greylisted client comes back with its mail.
    ComeBack(u64),
    /// The next burst of a hijacked account: the index of the incident.
    Hijack(u16),
    /// The next warning of trouble of our own: the index of the incident.
    OwnTrouble(u16),
}

#[derive(Clone, Copy, Debug)]
struct Entry<What> {
    time: Time,
    order: u64,
    what: What,
}

impl<What> PartialEq for Entry<What> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<What> Eq for Entry<What> {}

impl<What> PartialOrd for Entry<What> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<What> Ord for Entry<What> {
    /// The earliest is the greatest: a heap gives the greatest first. Ties are in the order of planning.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.order).cmp(&(self.time, self.order))
    }
}

/// A line without its head.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) program: Program,
    pub(crate) pid: u32,
    pub(crate) warning: bool,
    pub(crate) text: Vec<u8>,
    /// What is true once the line is written.
    pub(crate) mark: Mark,
    pub(crate) record: Option<Box<RecipientRecord>>,
}

/// Lines and tasks to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    lines: BinaryHeap<Entry<u32>>,
    tasks: BinaryHeap<Entry<Task>>,
    slots: Vec<Line>,
    free: Vec<u32>,
    order: u64,
    last: u32,
}

/// What comes next.
pub(crate) enum Next {
    Line(Time, u32),
    Task(Time, Task),
}

impl Timeline {
    /// Plans a line of a process at `time` and gives its empty text to be written.
    pub(crate) fn line(&mut self, time: Time, by: Taken, mark: Mark) -> &mut Line {
        self.order += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Line {
                program: Program::Smtpd,
                pid: 0,
                warning: false,
                text: Vec::with_capacity(256),
                mark: Mark::None,
                record: None,
            });
            (self.slots.len() - 1) as u32
        });
        self.lines.push(Entry { time, order: self.order, what: slot });
        self.last = slot;
        let line = &mut self.slots[slot as usize];
        line.program = by.program;
        line.pid = by.pid;
        line.warning = false;
        line.mark = mark;
        line.record = None;
        line.text.clear();
        line
    }

    /// The line planned last.
    pub(crate) fn last_line(&mut self) -> &mut Line {
        &mut self.slots[self.last as usize]
    }

    /// Plans a task.
    pub(crate) fn task(&mut self, time: Time, task: Task) {
        self.order += 1;
        self.tasks.push(Entry { time, order: self.order, what: task });
    }

    /// The time of what comes next.
    pub(crate) fn peek(&self) -> Option<Time> {
        match (self.lines.peek(), self.tasks.peek()) {
            (Some(line), Some(task)) => Some(line.time.min(task.time)),
            (Some(line), None) => Some(line.time),
            (None, Some(task)) => Some(task.time),
            (None, None) => None,
        }
    }

    /// Takes what comes next. Tasks come before lines of the same time, for they may make earlier lines.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let task_first = match (self.lines.peek(), self.tasks.peek()) {
            (Some(line), Some(task)) => task.time <= line.time,
            (line, _) => line.is_none(),
        };
        if task_first {
            self.tasks.pop().map(|entry| Next::Task(entry.time, entry.what))
        } else {
            self.lines.pop().map(|entry| Next::Line(entry.time, entry.what))
        }
    }

    /// The line in a slot.
    pub(crate) fn slot(&self, slot: u32) -> &Line {
        &self.slots[slot as usize]
    }

    /// Takes the record of a line and frees its slot.
    pub(crate) fn free(&mut self, slot: u32) -> Option<Box<RecipientRecord>> {
        self.free.push(slot);
        self.slots[slot as usize].record.take()
    }
}
