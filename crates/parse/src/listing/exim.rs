//! `exim -bp`: a head line for each message (age, size, id, sender, and whether it is frozen), then a line for each recipient; those that were
//! delivered already have a `D` before them. A blank line ends a message.

use super::{Listed, Queue, Recipient};

/// Reads a listing line by line.
#[derive(Debug, Default)]
pub struct Reader {
    open: Option<Listed>,
}

impl Reader {
    /// Takes a line; the message before it when this one begins another, or ends it.
    pub fn line(&mut self, line: &str) -> Option<Listed> {
        let text = line.trim_end();
        if text.is_empty() {
            return self.open.take();
        }
        if let Some(head) = head(text) {
            return self.open.replace(head);
        }
        if let Some(open) = &mut self.open {
            let recipient = text.trim_start();
            // `D` stands before who has it already, `+D` before an alias all of whose addresses have it.
            if !recipient.starts_with("D ") && !recipient.starts_with("+D ") {
                open.push(Recipient { address: recipient.to_owned(), reason: String::new() });
            }
        }
        None
    }

    /// The last message.
    pub fn finish(self) -> Option<Listed> {
        self.open
    }
}

/// `25m  2.9K 0t5C6f-0000c8-00 <alice@example.com> *** frozen ***`
fn head(text: &str) -> Option<Listed> {
    let mut words = text.split_whitespace();
    let (age, size, id) = (age(words.next()?)?, size(words.next()?)?, words.next()?);
    let rest = text.split_once(id)?.1.trim_start();
    let (sender, rest) = rest.strip_prefix('<')?.split_once('>')?;
    let is_id = id.len() >= 16 && id.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    let queue = if rest.contains("*** frozen ***") { Queue::Frozen } else { Queue::Deferred };
    is_id.then(|| Listed { queue, queue_id: id.to_owned(), age, size, sender: sender.to_owned(), ..Listed::default() })
}

/// `0m`, `25m`, `3h`, `2d`
fn age(word: &str) -> Option<i64> {
    let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(seconds).filter(|age| *age >= 0)
}

/// `512`, `2.9K`, `11M`
fn size(word: &str) -> Option<u64> {
    let (number, factor) = match word.as_bytes().last()? {
        b'K' => (&word[..word.len() - 1], 1024.0),
        b'M' => (&word[..word.len() - 1], 1024.0 * 1024.0),
        _ => (word, 1.0),
    };
    let value = number.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)?;
    Some((value * factor) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LISTING: &str = "\
25m  2.9K 0t5C6f-0000c8-00 <alice@example.com>
          red.king@example.net
        D done@example.net

 2d   512 1tABCD-000000001Xy-2zAB <> *** frozen ***
          nobody@example.org

";

    #[test]
    fn messages_and_who_still_waits_are_read() {
        let mut reader = Reader::default();
        let mut all: Vec<Listed> = LISTING.lines().filter_map(|line| reader.line(line)).collect();
        all.extend(reader.finish());
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].queue, all[0].age, all[0].size, all[0].waiting()), (Queue::Deferred, 1_500, 2_969, 1));
        assert_eq!((all[1].queue, all[1].age, all[1].sender.as_str()), (Queue::Frozen, 172_800, ""));
        assert_eq!(all[1].queue_id, "1tABCD-000000001Xy-2zAB");
    }

    /// What `exim -bp` of Debian's Exim 4.96 prints: heads are aligned by a blank, who was marked as delivered has a `D`.
    const REAL_FORM: &str = "
 0m   272 1xVEoj-00000p-1K <a1@example.com> *** frozen ***
          b1@example.net
          c@example.org

 0m   272 1xVEoj-00000r-1f <a2@example.com>
          b2@example.net
        D c@example.org

 0m   236 1xVEoj-00000v-2C <>
          \"a b\"@example.net

";

    #[test]
    fn a_listing_in_its_real_form_is_read() {
        let mut reader = Reader::default();
        let mut all: Vec<Listed> = REAL_FORM.lines().filter_map(|line| reader.line(line)).collect();
        all.extend(reader.finish());
        let told: Vec<_> = all.iter().map(|listed| (listed.queue, listed.size, listed.sender.as_str(), listed.waiting())).collect();
        assert_eq!(
            told,
            [(Queue::Frozen, 272, "a1@example.com", 2), (Queue::Deferred, 272, "a2@example.com", 1), (Queue::Deferred, 236, "", 1)]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_listing_panics(lines in proptest::collection::vec("[ 0-9a-zA-Zé<>*.-]{0,60}", 0..20)) {
            let mut reader = Reader::default();
            let heads = lines.iter().filter_map(|line| reader.line(line)).count();
            prop_assert!(heads <= lines.len());
        }
    }
}
