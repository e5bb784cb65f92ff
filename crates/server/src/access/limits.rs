//! How often somebody may try to log in: 5 a minute from one address, and after 10 an hour for one account each further try
//! waits longer. An account is never locked, since that would let a stranger lock people out.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PER_ADDRESS: usize = 5;
const ADDRESS_SPAN: Duration = Duration::from_secs(60);
const PER_ACCOUNT: usize = 10;
const ACCOUNT_SPAN: Duration = Duration::from_secs(3600);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// Addresses and accounts that are remembered; beyond it the quiet ones are forgotten first.
const MAX_KEYS: usize = 10_000;

/// Recent tries.
#[derive(Debug, Default)]
pub(crate) struct Logins(Mutex<Tries>);

#[derive(Debug, Default)]
struct Tries {
    addresses: HashMap<IpAddr, VecDeque<Instant>>,
    accounts: HashMap<String, VecDeque<Instant>>,
}

/// What to do about a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Try {
    /// Look at it after this long.
    After(Duration),
    /// Refuse it; come again after this long.
    Refused(Duration),
}

impl Logins {
    /// Notes a try. `account` is empty for a link.
    pub(crate) fn try_now(&self, address: IpAddr, account: &str, now: Instant) -> Try {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = recent(&mut tries.addresses, address, ADDRESS_SPAN, now);
        if from.len() >= PER_ADDRESS {
            let first = from.front().copied().unwrap_or(now);
            return Try::Refused(ADDRESS_SPAN.saturating_sub(now.saturating_duration_since(first)));
        }
        from.push_back(now);
        if account.is_empty() {
            return Try::After(Duration::ZERO);
        }
        let of = recent(&mut tries.accounts, account.to_owned(), ACCOUNT_SPAN, now);
        let over = u32::try_from((of.len() + 1).saturating_sub(PER_ACCOUNT)).unwrap_or(u32::MAX);
        if of.len() < PER_ACCOUNT * 10 {
            of.push_back(now);
        }
        Try::After((Duration::from_secs(1) * over).min(LONGEST_DELAY))
    }

    /// A try was right: it does not count against the next ones.
    pub(crate) fn succeeded(&self, address: IpAddr, account: &str) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.addresses.remove(&address);
        tries.accounts.remove(account);
    }
}

fn recent<K: Hash + Eq + Clone>(
    tries: &mut HashMap<K, VecDeque<Instant>>,
    key: K,
    span: Duration,
    now: Instant,
) -> &mut VecDeque<Instant> {
    let fresh = |at: &Instant| now.saturating_duration_since(*at) < span;
    if tries.len() >= MAX_KEYS {
        tries.retain(|_, times| times.back().is_some_and(fresh));
    }
    if tries.len() >= MAX_KEYS
        && let Some(quiet) = tries.iter().min_by_key(|(_, times)| times.len()).map(|(key, _)| key.clone())
    {
        tries.remove(&quiet);
    }
    let times = tries.entry(key).or_default();
    while times.front().is_some_and(|at| !fresh(at)) {
        times.pop_front();
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sixth_try_of_a_minute_is_refused() {
        let logins = Logins::default();
        let start = Instant::now();
        for n in 0..5 {
            assert_eq!(logins.try_now(HERE, "ada", start + Duration::from_secs(n)), Try::After(Duration::ZERO));
        }
        let sixth = logins.try_now(HERE, "ada", start + Duration::from_secs(10));
        assert_eq!(sixth, Try::Refused(Duration::from_secs(50)));
        assert!(matches!(logins.try_now(HERE, "ada", start + Duration::from_secs(61)), Try::After(_)));
        logins.succeeded(HERE, "ada");
        assert_eq!(logins.try_now(HERE, "ada", start + Duration::from_secs(62)), Try::After(Duration::ZERO));
    }

    #[test]
    fn an_account_under_attack_gets_slower_and_stays_usable() {
        let logins = Logins::default();
        let start = Instant::now();
        let from = |n: u8| IpAddr::from([10, 0, 0, n]);
        for n in 0..10 {
            logins.try_now(from(n), "ada", start);
        }
        assert_eq!(logins.try_now(from(99), "ada", start), Try::After(Duration::from_secs(1)));
        for n in 0..50 {
            logins.try_now(from(n + 100), "ada", start);
        }
        assert_eq!(logins.try_now(from(200), "ada", start), Try::After(LONGEST_DELAY));
        assert_eq!(logins.try_now(from(201), "bob", start), Try::After(Duration::ZERO));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let logins = Logins::default();
        let start = Instant::now();
        for n in 0..u32::try_from(MAX_KEYS * 2).unwrap() {
            logins.try_now(IpAddr::from(n.to_be_bytes()), "", start);
        }
        assert!(logins.0.lock().unwrap().addresses.len() <= MAX_KEYS);
    }
}
