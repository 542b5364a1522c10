//! The host: options in, lines out.

use mailvane_model::Time;

use crate::head::{Head, HeadForm};
use crate::incident::{Disturbance, Incident, IncidentKind};
use crate::message::Queue;
use crate::people;
use crate::prng::Prng;
use crate::process::Processes;
use crate::queue_id::{QueueIdSource, QueueIds};
use crate::rhythm;
use crate::timeline::{Next, Task, Timeline};
use crate::traffic::{NEWSLETTER_SHARE, TRAFFIC};
use crate::truth::Truth;
use crate::world::World;

/// What host to play, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The same seed gives the same log.
    pub seed: u64,
    /// The time of the first line.
    pub start: Time,
    /// No line is written at or after this time; `None`: it never ends.
    pub end: Option<Time>,
    /// Messages accepted on an average day. With the content filter each inbound one has two queue ids.
    pub messages_per_day: u32,
    /// The host word of each line.
    pub host: String,
    /// The domain this host receives mail for.
    pub domain: String,
    /// How heads are written.
    pub form: HeadForm,
    /// The host's local time: minutes east of UTC.
    pub zone_minutes: i32,
    /// The form of queue ids.
    pub queue_ids: QueueIds,
    /// Whether inbound mail goes through an after-queue content filter (in the way of amavis) and comes back.
    pub filter: bool,
    /// Whether postscreen stands in front.
    pub postscreen: bool,
    /// Whether delivery lines carry `tls=`, as Postfix 3.11 and later write it.
    pub tls_field: bool,
    /// What goes wrong.
    pub incidents: Vec<Incident>,
    /// Whether to keep a record of every attempt in the truth. It grows without bound: for tests.
    pub records: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            start: Time::from_seconds(1_793_577_600),
            end: None,
            messages_per_day: 20_000,
            host: "mx1".to_owned(),
            domain: "example.com".to_owned(),
            form: HeadForm::Rfc3164,
            zone_minutes: 60,
            queue_ids: QueueIds::Long,
            filter: true,
            postscreen: true,
            tls_field: false,
            incidents: Vec::new(),
            records: false,
        }
    }
}

/// A host that writes a log.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) options: Options,
    pub(crate) prng: Prng,
    pub(crate) world: World,
    pub(crate) timeline: Timeline,
    pub(crate) processes: Processes,
    pub(crate) ids: QueueIdSource,
    pub(crate) queue: Queue,
    /// Until when each destination is left alone after it could not be talked to.
    pub(crate) suspended: Vec<Suspension>,
    pub(crate) users: Vec<Vec<u8>>,
    head: Head,
    truth: Truth,
}

/// Why a destination is left alone, and until when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspension {
    pub(crate) until: Time,
    pub(crate) code: &'static str,
    pub(crate) reason: Vec<u8>,
}

impl Host {
    /// A host at the moment it starts.
    pub fn new(options: Options) -> Self {
        let mut prng = Prng::new(options.seed);
        let world = World::new(&mut prng);
        let processes = Processes::new(&mut prng);
        let users = (0..people::OUR_USERS)
            .map(|user| {
                let mut out = Vec::new();
                people::our_user(user, &options.domain, &mut out);
                out
            })
            .collect();
        let mut host = Host {
            head: Head::new(options.form, &options.host, options.zone_minutes),
            suspended: vec![Suspension::default(); world.destinations.len()],
            ids: QueueIdSource::new(options.queue_ids),
            prng,
            world,
            timeline: Timeline::default(),
            processes,
            queue: Queue::default(),
            users,
            truth: Truth::new(),
            options,
        };
        host.begin();
        host
    }

    /// Appends the next line, with its newline, and gives its time. `None` at the end.
    pub fn next_line(&mut self, out: &mut Vec<u8>) -> Option<Time> {
        loop {
            let time = self.timeline.peek()?;
            if self.options.end.is_some_and(|end| time >= end) {
                return None;
            }
            match self.timeline.next()? {
                Next::Task(time, task) => self.perform(time, task),
                Next::Line(time, slot) => {
                    self.write(time, slot, out);
                    return Some(time);
                }
            }
        }
    }

    /// The time of what comes next: a line, or work that may make one. A live feed sleeps until then.
    pub fn next_time(&self) -> Option<Time> {
        self.timeline.peek()
    }

    /// What is true of the lines written so far.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// How many messages are in the queue, as far as they are planned.
    pub fn queue_length(&self) -> usize {
        self.queue.len()
    }

    /// Adds an incident to a host that is running.
    pub fn add_incident(&mut self, incident: Incident) {
        let index = self.options.incidents.len() as u16;
        self.options.incidents.push(incident);
        self.plan_incident(index);
    }

    fn write(&mut self, time: Time, slot: u32, out: &mut Vec<u8>) {
        let line = self.timeline.slot(slot);
        let start = out.len();
        self.head.write(time, line.program.tag(), line.pid, line.warning, out);
        out.extend_from_slice(&line.text);
        out.push(b'\n');
        self.truth.apply(line.mark);
        self.truth.lines += 1;
        self.truth.bytes += (out.len() - start) as u64;
        if let Some(record) = self.timeline.free(slot) {
            self.truth.records.push(*record);
        }
    }

    fn begin(&mut self) {
        let start = self.options.start;
        self.daemon_started(start);
        for (index, traffic) in TRAFFIC.iter().enumerate() {
            if traffic.runs(&self.options) {
                self.plan_traffic(index as u8, start);
            }
        }
        let newsletter = rhythm::next_newsletter(start, self.options.zone_minutes);
        self.timeline.task(newsletter, Task::Newsletter(self.newsletter_size()));
        for index in 0..self.options.incidents.len() {
            self.plan_incident(index as u16);
        }
    }

    /// How many subscribers get the weekly newsletter.
    pub(crate) fn newsletter_size(&self) -> u32 {
        (f64::from(self.options.messages_per_day) * 7.0 * NEWSLETTER_SHARE) as u32
    }

    fn plan_incident(&mut self, index: u16) {
        let incident = &self.options.incidents[usize::from(index)];
        match incident.kind {
            IncidentKind::Hijack { .. } => self.timeline.task(incident.start, Task::Hijack(index)),
            IncidentKind::PolicyDown => self.timeline.task(incident.start, Task::OwnTrouble(index)),
            _ => {}
        }
    }

    /// Plans the next piece of a kind of traffic. A waiting time beyond a quarter of an hour is drawn again then,
    /// because the pace may have changed (waiting times have no memory, so nothing is distorted).
    pub(crate) fn plan_traffic(&mut self, index: u8, now: Time) {
        const LONGEST_WAIT: i64 = 15 * Time::MINUTE;
        let traffic = &TRAFFIC[usize::from(index)];
        let per_day = traffic.per_day(self.options.messages_per_day);
        let Some(mean) = rhythm::mean_wait(traffic.pace, per_day, now, self.options.zone_minutes) else { return };
        let wait = self.prng.wait(mean).max(1);
        if wait > LONGEST_WAIT {
            self.timeline.task(now.plus(LONGEST_WAIT), Task::Redraw(index));
        } else {
            self.timeline.task(now.plus(wait), Task::Traffic(index));
        }
    }

    fn perform(&mut self, now: Time, task: Task) {
        match task {
            Task::Traffic(index) => {
                (TRAFFIC[usize::from(index)].play)(self, now);
                self.plan_traffic(index, now);
            }
            Task::Redraw(index) => self.plan_traffic(index, now),
            Task::Newsletter(left) => self.newsletter(now, left),
            Task::Retry(message) => self.activate(message, now),
            Task::ComeBack(bits) => self.inbound(now, bits, false),
            Task::Hijack(index) => self.hijack(now, index),
            Task::OwnTrouble(index) => self.own_trouble(now, index),
        }
    }

    /// What the incidents do to an attempt at a provider.
    pub(crate) fn disturbance(&mut self, provider: &str, now: Time) -> Option<Disturbance> {
        if self.options.incidents.is_empty() {
            return None;
        }
        let (found, percent) =
            self.options.incidents.iter().find_map(|incident| Some((incident.disturbs(provider, now)?, incident.percent)))?;
        self.prng.percent(percent).then_some(found)
    }

    /// Whether an incident of our own kind is on.
    pub(crate) fn is_on(&mut self, now: Time, wanted: impl Fn(&IncidentKind) -> bool) -> bool {
        let Some(percent) =
            self.options.incidents.iter().find(|incident| wanted(&incident.kind) && incident.is_on(now)).map(|incident| incident.percent)
        else {
            return false;
        };
        self.prng.percent(percent)
    }
}
