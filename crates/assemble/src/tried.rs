//! The host that failed, where Exim tells it in a line of its own before a result that has the reason alone.

use mailvane_reply::peer::Peer;

use crate::encoding::{Damaged, Reader, Writer};

/// The host of which Exim said in a line of its own why it failed, until a result without a host tells the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed {
    name: Box<str>,
    ip: Box<str>,
    port: u16,
    /// Why, in the words of that line.
    text: Box<str>,
    /// Whether a result took it since.
    taken: bool,
    /// Whether hosts of several owners failed before a result: which of them it is about is not said.
    several: bool,
}

/// The longest reason that is kept. Longer ones are replies, and a result with a reply names its host.
const TEXT_BYTES: usize = 200;

impl Failed {
    /// Takes a host in that failed after `before`; `None` where its reason is of no use.
    pub(crate) fn after(before: Option<Box<Failed>>, host: Peer<'_>, text: &str) -> Option<Box<Failed>> {
        if host.name.is_empty() || host.ip.is_empty() || text.len() > TEXT_BYTES {
            return before;
        }
        let several = before.is_some_and(|before| !before.taken && (before.several || !of_one_owner(&before.name, host.name)));
        Some(Box::new(Failed { name: host.name.into(), ip: host.ip.into(), port: host.port, text: text.into(), taken: false, several }))
    }

    /// The host of a result that gives this reason.
    pub(crate) fn take(&mut self, text: &str) -> Option<Peer<'_>> {
        self.taken = true;
        let same = !text.is_empty() && self.text.contains(text);
        (same && !self.several).then(|| self.host())
    }

    /// The host.
    pub(crate) fn host(&self) -> Peer<'_> {
        Peer { name: &self.name, ip: &self.ip, port: self.port }
    }

    /// Writes it as a part of a life.
    pub(crate) fn write(failed: Option<&Failed>, writer: &mut Writer) {
        let Some(failed) = failed else { return writer.byte(0) };
        writer.byte(1);
        for text in [&failed.name, &failed.ip, &failed.text] {
            writer.text(text);
        }
        writer.number(u64::from(failed.port));
        writer.byte(u8::from(failed.taken));
        writer.byte(u8::from(failed.several));
    }

    /// Reads what [`Failed::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Box<Failed>>, Damaged> {
        if reader.byte()? == 0 {
            return Ok(None);
        }
        let (name, ip, text) = (reader.text()?.into(), reader.text()?.into(), reader.text()?.into());
        let port = u16::try_from(reader.number()?).map_err(|_| Damaged)?;
        Ok(Some(Box::new(Failed { name, ip, port, text, taken: reader.byte()? == 1, several: reader.byte()? == 1 })))
    }
}

/// Whether two hosts have the last two labels of their names in common: two MX hosts of one destination mostly have.
fn of_one_owner(one: &str, other: &str) -> bool {
    fn owner(name: &str) -> &str {
        name.rmatch_indices('.').nth(1).map_or(name, |(at, _)| &name[at + 1..])
    }
    owner(one).eq_ignore_ascii_case(owner(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host<'a>(name: &'a str, ip: &'a str, port: u16) -> Peer<'a> {
        Peer { name, ip, port }
    }

    #[test]
    fn a_result_gets_the_host_that_failed_before_it() {
        let mut failed = Failed::after(None, host("mx1.example.net", "192.0.2.1", 0), "Connection refused").expect("a host");
        assert_eq!(failed.take("No route to host"), None);
        assert_eq!(failed.take("Connection refused"), Some(host("mx1.example.net", "192.0.2.1", 0)));
        // The second MX host of the same destination.
        let mut failed = Failed::after(Some(failed), host("mx2.example.net", "192.0.2.2", 0), "Connection refused").expect("a host");
        assert_eq!(failed.take("Connection refused").map(|host| host.name), Some("mx2.example.net"));
    }

    #[test]
    fn of_two_destinations_that_failed_neither_is_guessed() {
        let first = Failed::after(None, host("mx.example.net", "192.0.2.1", 0), "Connection refused");
        let mut both = Failed::after(first, host("mx.example.org", "192.0.2.9", 0), "Connection refused").expect("a host");
        assert_eq!(both.take("Connection refused"), None);
        let mut next = Failed::after(Some(both), host("mx.example.org", "192.0.2.9", 0), "Connection refused").expect("a host");
        assert!(next.take("Connection refused").is_some());
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let failed = Failed::after(None, host("mx.example.net", "192.0.2.1", 25), "Connection refused");
        for failed in [failed.as_deref(), None] {
            let mut writer = Writer::default();
            Failed::write(failed, &mut writer);
            assert_eq!(Failed::read(&mut Reader(&writer.0)).expect("whole").as_deref(), failed);
        }
    }
}
