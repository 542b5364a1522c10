//! Delivery notifications: a message of our own, from the null sender, back to where the mail came from.

use chrono::{Datelike, Timelike};
use mailvane_model::Time;

use crate::host::Host;
use crate::message::{Fate, Recipient};
use crate::process::Program;
use crate::text::Text;
use crate::timeline::Task;
use crate::truth::Mark;

/// How many bytes a notification adds to what it quotes.
const NOTIFICATION_SIZE: u64 = 2_250;

impl Host {
    /// Tells the sender that recipients could not be reached; nobody is told when the sender is null.
    /// Gives the time at which this is done. The order of the lines is that of Postfix before 3.11.
    pub(crate) fn notify_sender(&mut self, index: u32, time: Time) -> Time {
        let Some(target) = self.queue.get(index).sender_target else { return time };
        let made = time.plus(2_000);
        let child = self.queue.open();
        let mut message = std::mem::take(self.queue.get_mut(child));
        let (queue_id, inode) = self.ids.take(made);
        message.queue_id = queue_id;
        message.inode = inode;
        message.arrived = made;
        let parent = self.queue.get(index);
        message.size = parent.size.min(50_000) + NOTIFICATION_SIZE;
        let local = made.plus(i64::from(self.options.zone_minutes) * Time::MINUTE).to_chrono();
        let (host, domain) = (&self.options.host, &self.options.domain);
        message.message_id = message.keep(|text| {
            text.put("<").number(local.year().max(0) as u64).padded(u64::from(local.month()), 2).padded(u64::from(local.day()), 2);
            text.padded(u64::from(local.hour()), 2).padded(u64::from(local.minute()), 2).padded(u64::from(local.second()), 2);
            text.put(".").put(queue_id.text()).put("@").put(host).put(".").put(domain).put(">");
        });
        let address = message.keep(|text| text.extend_from_slice(parent.part(parent.sender)));
        message.recipients.push(Recipient { address, original: (0, 0), target, fate: Fate::Accepts, attempts: 0, done: false });
        let parent_id = parent.queue_id;
        self.notification_lines(&message, parent_id.text(), made);
        *self.queue.get_mut(child) = message;
        self.timeline.task(made.plus(9_000), Task::Retry(child));
        made.plus(8_000)
    }

    fn notification_lines(&mut self, message: &crate::message::Message, parent_id: &str, made: Time) {
        self.cleanup_line(message, made);
        self.timeline.last_line().mark = Mark::Message;
        let by = self.processes.take(Program::Bounce, made, &mut self.prng);
        let text = &mut self.timeline.line(made.plus(3_000), by, Mark::Notification).text;
        text.put(parent_id).put(": sender non-delivery notification: ").put(message.queue_id.text());
        self.processes.release(by, made.plus(3_000));
    }
}
