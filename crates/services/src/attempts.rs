//! How often somebody may try: failed sign-ins, and messages asked for, per account and per network address.
//!
//! Counted in memory, for this process alone: several processes each count their own, and a restart forgets. The table is
//! bounded, and nothing in it says whether an account exists.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use ami_domain::identifiers::Email;
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Kind, Result};

/// What is counted together.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Most entries; past that the oldest one gives way.
const MOST: usize = 10_000;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tried {
    /// Signing in.
    SignIn,
    /// Asking for a message with a link.
    Mail,
}

impl Tried {
    /// How many in a window for one account, and for one network address, which a whole office may share.
    const fn most(self) -> (u32, u32) {
        match self {
            Self::SignIn => (10, 100),
            Self::Mail => (5, 200),
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::SignIn => "too-many-sign-ins",
            Self::Mail => "too-many-mails",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Account(Email),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Timestamp,
    tries: u32,
}

/// The counts.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<(Tried, Whose), Count>>);

/// An IPv6 subscriber has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn keys(tried: Tried, account: Option<&Email>, from: Option<IpAddr>) -> impl Iterator<Item = ((Tried, Whose), u32)> {
    let (for_account, for_address) = tried.most();
    let account = account.map(|email| (Whose::Account(email.clone()), for_account));
    let address = from.map(|address| (Whose::Address(network(address)), for_address));
    account.into_iter().chain(address).map(move |(whose, most)| ((tried, whose), most))
}

impl Attempts {
    /// Counts one try, before it is made: a hundred at once are a hundred.
    ///
    /// # Errors
    /// When there were too many; it says when to come back.
    pub fn count(&self, tried: Tried, account: Option<&Email>, from: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: &Count| now.duration_since(count.since) >= WINDOW;
        for (key, most) in keys(tried, account, from) {
            if let Some(count) = table.get(&key).filter(|c| !over(c) && c.tries >= most) {
                let left = (WINDOW - now.duration_since(count.since)).as_millis();
                let wait = i64::try_from((left + 999) / 1000).unwrap_or(0).max(1);
                let error = Error::new(Kind::TooMany, tried.code()).with("minutes", (wait + 59) / 60);
                return Err(Error { retry_after: Some(wait), ..error });
            }
        }
        for (key, _) in keys(tried, account, from) {
            if table.len() >= MOST && !table.contains_key(&key) {
                table.retain(|_, count| !over(count));
                let oldest = table.iter().min_by_key(|(_, count)| count.since).map(|(key, _)| key.clone());
                if let Some(oldest) = oldest.filter(|_| table.len() >= MOST) {
                    table.remove(&oldest);
                }
            }
            let count = table.entry(key).or_insert(Count { since: now, tries: 0 });
            if over(count) {
                *count = Count { since: now, tries: 0 };
            }
            count.tries += 1;
        }
        Ok(())
    }

    /// It succeeded: the account begins anew. Its address only gets this try back, or one's own account would free it to try
    /// those of others.
    pub fn succeeded(&self, tried: Tried, account: Option<&Email>, from: Option<IpAddr>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(tried, account, from) {
            match &key.1 {
                Whose::Account(_) => drop(table.remove(&key)),
                Whose::Address(_) => {
                    if let Some(count) = table.get_mut(&key) {
                        count.tries = count.tries.saturating_sub(1);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn email(name: &str) -> Email {
        Email::parse(&format!("{name}@exemple.fr")).unwrap()
    }

    #[test]
    fn one_account_is_held_up_and_let_go_and_others_never_are() {
        let attempts = Attempts::default();
        let (ada, bea) = (email("ada"), email("bea"));
        for second in 0..10 {
            attempts.count(Tried::SignIn, Some(&ada), None, at(second)).unwrap();
        }
        let error = attempts.count(Tried::SignIn, Some(&ada), None, at(600)).unwrap_err();
        assert_eq!((error.code, error.retry_after), ("too-many-sign-ins", Some(300)));
        attempts.count(Tried::SignIn, Some(&bea), None, at(600)).unwrap();
        attempts.count(Tried::Mail, Some(&ada), None, at(600)).unwrap();
        assert!(attempts.count(Tried::SignIn, Some(&ada), None, at(899)).is_err());
        attempts.count(Tried::SignIn, Some(&ada), None, at(900)).unwrap();
    }

    #[test]
    fn a_success_gives_the_account_all_its_tries_back_and_the_address_one() {
        let attempts = Attempts::default();
        let (ada, home) = (email("ada"), Some("192.0.2.1".parse().unwrap()));
        for _ in 0..9 {
            attempts.count(Tried::SignIn, Some(&ada), home, at(0)).unwrap();
        }
        attempts.succeeded(Tried::SignIn, Some(&ada), home);
        for n in 8..100 {
            attempts.count(Tried::SignIn, Some(&email(&format!("n{n}"))), home, at(0)).unwrap();
        }
        assert!(attempts.count(Tried::SignIn, Some(&ada), home, at(0)).is_err());
        attempts.count(Tried::SignIn, Some(&ada), Some("192.0.2.2".parse().unwrap()), at(0)).unwrap();
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn the_table_is_bounded() {
        let attempts = Attempts::default();
        for n in 0..MOST + 50 {
            attempts.count(Tried::Mail, Some(&email(&format!("n{n}"))), None, at(0)).unwrap();
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MOST);
    }
}
