//! Replies that nobody understands, gathered by template: counted and shown, ready to be named by a rule.

use std::collections::BTreeMap;

use mailvane_model::time::Time;

use crate::normalise;

/// Templates kept; further ones are counted in [`Clusters::overflow`].
pub const MAX_CLUSTERS: usize = 2000;

/// Longest sample kept, in bytes.
const MAX_SAMPLE_BYTES: usize = 500;

/// Replies of one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The template.
    pub template: String,
    /// How often it came.
    pub count: u64,
    /// When first.
    pub first: Time,
    /// When last.
    pub last: Time,
    /// The first reply of this kind.
    pub sample: String,
    /// Who sent it first; may be empty.
    pub provider: String,
}

/// Gathers replies by template.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    by_hash: BTreeMap<u64, Cluster>,
    overflow: u64,
}

impl Clusters {
    /// Counts one reply.
    pub fn add(&mut self, text: &str, provider: &str, time: Time) {
        let template = normalise::template(crate::codes::said(text).reply);
        let hash = normalise::template_hash(&template);
        if let Some(cluster) = self.by_hash.get_mut(&hash) {
            cluster.count += 1;
            cluster.first = cluster.first.min(time);
            cluster.last = cluster.last.max(time);
            return;
        }
        if self.by_hash.len() >= MAX_CLUSTERS {
            self.overflow += 1;
            return;
        }
        let sample = text[..text.floor_char_boundary(MAX_SAMPLE_BYTES.min(text.len()))].to_owned();
        self.by_hash.insert(hash, Cluster { template, count: 1, first: time, last: time, sample, provider: provider.to_owned() });
    }

    /// The most frequent first; of equal ones the alphabet decides.
    pub fn top(&self) -> Vec<&Cluster> {
        let mut clusters: Vec<&Cluster> = self.by_hash.values().collect();
        clusters.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| left.template.cmp(&right.template)));
        clusters
    }

    /// Replies that found no room.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_that_differ_in_particulars_are_one_cluster() {
        let mut clusters = Clusters::default();
        clusters.add(
            "host mx.example.net[192.0.2.5] said: 550 <a@example.net> computer says no 12345678 (in reply to RCPT TO command)",
            "example.net",
            Time::from_seconds(5),
        );
        clusters.add("550 <joe@example.org> computer says no 999", "example.org", Time::from_seconds(2));
        clusters.add("550 quite another", "example.org", Time::from_seconds(3));
        let top = clusters.top();
        assert_eq!(top.len(), 2);
        assert_eq!((top[0].count, top[0].first, top[0].last), (2, Time::from_seconds(2), Time::from_seconds(5)));
        assert_eq!(top[0].template, "550 <{address}> computer says no {n}");
    }

    #[test]
    fn the_number_of_clusters_is_bounded_and_the_rest_counted() {
        let mut clusters = Clusters::default();
        let word = |number: usize| -> String { number.to_string().bytes().map(|digit| (b'a' + digit - b'0') as char).collect() };
        for number in 0..MAX_CLUSTERS + 7 {
            clusters.add(&format!("550 reason {}", word(number)), "", Time::from_seconds(0));
        }
        assert_eq!((clusters.top().len(), clusters.overflow()), (MAX_CLUSTERS, 7));
    }
}
