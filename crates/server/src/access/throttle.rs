//! Guessing passwords takes ever longer: failures are counted by account and address together, by account, and by address.

use std::collections::HashMap;
use std::net::IpAddr;

use mailvane_model::Time;

/// Failures that are free: of one account from one address, of one account, from one address.
const FREE: [u32; 3] = [5, 30, 20];
/// The first wait after that; each further failure doubles it.
const WAIT: i64 = 30 * Time::SECOND;
/// The longest wait.
const WAIT_MAX: i64 = 15 * Time::MINUTE;
/// Failures are forgotten when none came for so long.
const FORGOTTEN_AFTER: i64 = Time::HOUR;
/// Accounts and addresses that are remembered; beyond it the one that is quiet longest is forgotten.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    failures: u32,
    last: Time,
    until: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Account(String),
    Address(IpAddr),
}

/// Who failed how often.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    entries: HashMap<Key, Entry>,
    /// How often somebody had to be forgotten to make room.
    pub(crate) forgotten: u64,
}

/// The network that stands for an address: whoever has one address of IPv6 has 2^64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

fn keys(account: &str, address: IpAddr) -> [Key; 3] {
    let (account, address) = (account.to_owned(), network(address));
    [Key::Both(account.clone(), address), Key::Account(account), Key::Address(address)]
}

impl Throttle {
    /// Lets one try in, and counts it as a failure until [`Throttle::succeeded`] says otherwise, so that tries side by side all count.
    /// Or says how many seconds to wait.
    pub(crate) fn begin(&mut self, account: &str, address: IpAddr, now: Time) -> Result<(), u64> {
        let keys = keys(account, address);
        let waits = keys.iter().filter_map(|key| self.entries.get(key)).map(|entry| entry.until).max();
        if let Some(until) = waits.filter(|until| *until > now) {
            return Err(((until.0 - now.0 + Time::SECOND - 1) / Time::SECOND) as u64);
        }
        for (key, free) in keys.into_iter().zip(FREE) {
            self.make_room(now);
            let entry = self.entries.entry(key).or_insert(Entry { failures: 0, last: now, until: now });
            if entry.last.plus(FORGOTTEN_AFTER) <= now {
                entry.failures = 0;
            }
            entry.failures = entry.failures.saturating_add(1);
            entry.last = now;
            if entry.failures >= free {
                let doubled = WAIT.saturating_mul(1 << (entry.failures - free).min(10));
                entry.until = now.plus(doubled.min(WAIT_MAX));
            }
        }
        Ok(())
    }

    /// The last try was right: the account is not under attack from this address.
    pub(crate) fn succeeded(&mut self, account: &str, address: IpAddr) {
        let [both, of_account, of_address] = keys(account, address);
        self.entries.remove(&both);
        self.entries.remove(&of_account);
        // One right account does not excuse an address that tries many others.
        if let Some(entry) = self.entries.get_mut(&of_address) {
            entry.failures = entry.failures.saturating_sub(1);
            if entry.failures < FREE[2] {
                entry.until = entry.last;
            }
        }
    }

    fn make_room(&mut self, now: Time) {
        if self.entries.len() < ENTRIES_MAX {
            return;
        }
        self.entries.retain(|_, entry| entry.last.plus(FORGOTTEN_AFTER) > now);
        // A tenth at once, so that the search for the quietest is rare.
        if self.entries.len() >= ENTRIES_MAX {
            let mut times: Vec<Time> = self.entries.values().map(|entry| entry.last).collect();
            times.sort_unstable();
            let border = times[ENTRIES_MAX / 10];
            let before = self.entries.len();
            self.entries.retain(|_, entry| entry.last > border);
            self.forgotten += (before - self.entries.len()) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn other(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn waits_grow_and_end() {
        let mut throttle = Throttle::default();
        for _ in 0..FREE[0] {
            assert_eq!(throttle.begin("ann", HERE, Time(0)), Ok(()));
        }
        assert_eq!(throttle.begin("ann", HERE, Time(0)), Err(30));
        assert_eq!(throttle.begin("ann", HERE, Time(30 * Time::SECOND)), Ok(()));
        assert_eq!(throttle.begin("ann", HERE, Time(30 * Time::SECOND)), Err(60));
        assert_eq!(throttle.begin("bob", HERE, Time(0)), Ok(()), "another account");
        assert_eq!(throttle.begin("ann", other(9), Time(0)), Ok(()), "another address");
        let mut now = Time(Time::HOUR);
        for _ in 0..30 {
            now = now.plus(WAIT_MAX);
            assert_eq!(throttle.begin("ann", HERE, now), Ok(()), "never longer than the longest wait");
        }
    }

    #[test]
    fn one_account_from_many_addresses_and_many_accounts_from_one_are_slowed_too() {
        let mut throttle = Throttle::default();
        let tries = (0..=255).filter(|last| throttle.begin("ann", other(*last), Time(0)).is_ok()).count();
        assert_eq!(tries, FREE[1] as usize);
        let mut throttle = Throttle::default();
        let tries = (0..100).filter(|index| throttle.begin(&format!("user{index}"), HERE, Time(0)).is_ok()).count();
        assert_eq!(tries, FREE[2] as usize);
    }

    #[test]
    fn success_forgives_the_account() {
        let mut throttle = Throttle::default();
        for _ in 0..FREE[0] {
            throttle.begin("ann", HERE, Time(0)).expect("free");
        }
        throttle.succeeded("ann", HERE);
        assert_eq!(throttle.begin("ann", HERE, Time(0)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_the_map_is_bounded() {
        let mut throttle = Throttle::default();
        let ip = |host: u64| IpAddr::V6(((0x2001_0db8_u128 << 96) | u128::from(host)).into());
        let tries = (0..100).filter(|host| throttle.begin("ann", ip(*host), Time(0)).is_ok()).count();
        assert_eq!(tries, FREE[0] as usize);
        for index in 0..30_000_i64 {
            let _ = throttle.begin(&format!("u{index}"), IpAddr::from((index as u32).to_be_bytes()), Time(index));
        }
        assert!(throttle.entries.len() <= ENTRIES_MAX && throttle.forgotten > 0);
    }
}
