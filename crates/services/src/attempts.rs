//! How often somebody may try: wrong passwords, messages and invitations, by account, by network address, by browser.
//!
//! Counted in the database, for all servers together and over a restart. Nothing in the table says whether an account exists:
//! its subjects are hashes of what was typed.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ami_database::ConnectionTrait;
use ami_database::attempts::{self as rows, Count, Counted};
use ami_domain::deposit::sha256_hex;
use ami_domain::identifiers::Email;
use jiff::{SignedDuration, Timestamp};

use crate::{Arrival, Error, Kind, Result, Work};

/// Who asks, as far as it is known before they sign in.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// Their network address.
    pub address: Option<IpAddr>,
    /// What their browser shows of an earlier sign-in ([`crate::accounts::SignedIn::browser`]).
    pub browser: Option<String>,
}

/// How often within what time.
#[derive(Debug)]
struct Limit {
    kind: &'static str,
    most: i64,
    window: SignedDuration,
    code: &'static str,
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const QUARTER: SignedDuration = SignedDuration::from_mins(15);
const DAY: SignedDuration = SignedDuration::from_hours(24);

const WRONG_FOR_ACCOUNT: Limit = Limit { kind: "password/account", most: 100, window: HOUR, code: "too-many-sign-ins" };
const WRONG_FROM_ADDRESS: Limit =
    Limit { kind: "password/address", most: 30, window: QUARTER, code: "too-many-sign-ins" };
const WRONG_FROM_BROWSER: Limit =
    Limit { kind: "password/browser", most: 100, window: HOUR, code: "too-many-sign-ins" };
/// A whole office may share an address.
const MAILS_FROM_ADDRESS: Limit = Limit { kind: "mail/address", most: 200, window: QUARTER, code: "too-many-mails" };
const MAILS_TO_ACCOUNT: Limit = Limit { kind: "mail/account", most: 5, window: QUARTER, code: "too-many-mails" };
const INVITED_FOR: Limit =
    Limit { kind: "invitation/organisation", most: 30, window: DAY, code: "too-many-invitations" };
const INVITED_BY: Limit = Limit { kind: "invitation/person", most: 30, window: DAY, code: "too-many-invitations" };
const REQUESTED_BY: Limit = Limit { kind: "request/person", most: 10, window: DAY, code: "too-many-invitations" };

impl Limit {
    fn counted(&self, subject: &str) -> Counted {
        (self.kind, sha256_hex(subject.as_bytes()))
    }

    /// Counts one more inside a write, before it is done: a hundred at once are a hundred. Past the limit the write is refused.
    async fn count(&self, work: &Work<'_>, subject: &str) -> Result<()> {
        let count = rows::count(work.tx, &self.counted(subject), self.window, work.at()).await?;
        if count.tries > self.most { Err(self.refusal(count, work.at())) } else { Ok(()) }
    }

    fn is_reached(&self, count: Count, now: Timestamp) -> bool {
        count.tries >= self.most && now.duration_since(count.since) < self.window
    }

    fn refusal(&self, count: Count, now: Timestamp) -> Error {
        let left = (self.window - now.duration_since(count.since)).as_millis();
        let wait = i64::try_from((left + 999) / 1000).unwrap_or(0).max(1);
        let error = Error::new(Kind::TooMany, self.code).with("minutes", (wait + 59) / 60);
        Error { retry_after: Some(wait), ..error }
    }
}

/// An IPv6 subscriber has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counts a message that somebody asks for, inside the write that sends it, or would.
pub(crate) async fn count_mail(work: &Work<'_>, to: &Email, from: Option<IpAddr>) -> Result<()> {
    if let Some(address) = from {
        MAILS_FROM_ADDRESS.count(work, &network(address).to_string()).await?;
    }
    MAILS_TO_ACCOUNT.count(work, to.as_str()).await
}

/// Counts an invitation.
pub(crate) async fn count_invitation(
    work: &Work<'_>,
    by: ami_domain::ids::AccountId,
    organisation: ami_domain::ids::OrganisationId,
) -> Result<()> {
    INVITED_BY.count(work, &by.to_string()).await?;
    INVITED_FOR.count(work, &organisation.to_string()).await
}

/// Counts a request to join an organisation.
pub(crate) async fn count_request(work: &Work<'_>, by: ami_domain::ids::AccountId) -> Result<()> {
    REQUESTED_BY.count(work, &by.to_string()).await
}

/// A new password was chosen, or the address confirmed: the account begins anew.
pub(crate) async fn forgive(work: &Work<'_>, account: &Email) -> Result<()> {
    Ok(rows::forget(work.tx, &WRONG_FOR_ACCOUNT.counted(account.as_str())).await?)
}

/// Where wrong passwords are counted: for the account and for the network address, or for a browser that this account has
/// signed in with before, whatever others do.
#[derive(Debug, Clone)]
pub(crate) struct Tries(Vec<Try>);

#[derive(Debug, Clone)]
struct Try {
    limit: &'static Limit,
    counted: Counted,
    /// Whether it holds anything up; otherwise it is counted alone.
    holds: bool,
}

impl Tries {
    /// `browser` is that of the very account, if it is known.
    pub(crate) fn of(email: Option<&Email>, address: Option<IpAddr>, browser: Option<&str>) -> Self {
        let mut all = Vec::new();
        let mut add = |limit: &'static Limit, subject: &str, holds| {
            all.push(Try { limit, counted: limit.counted(subject), holds });
        };
        if let Some(email) = email {
            add(&WRONG_FOR_ACCOUNT, email.as_str(), browser.is_none());
        }
        if let Some(address) = address {
            add(&WRONG_FROM_ADDRESS, &network(address).to_string(), browser.is_none());
        }
        if let Some(browser) = browser {
            add(&WRONG_FROM_BROWSER, browser, true);
        }
        Self(all)
    }

    /// Whether another password may be tried.
    ///
    /// # Errors
    /// `too-many-sign-ins`; it says when to come back.
    pub(crate) async fn check(&self, conn: &impl ConnectionTrait, now: Timestamp) -> Result<()> {
        let holding: Vec<Counted> = self.0.iter().filter(|t| t.holds).map(|t| t.counted.clone()).collect();
        if holding.is_empty() {
            return Ok(());
        }
        for (counted, count) in rows::counts(conn, &holding).await? {
            let Some(of) = self.0.iter().find(|t| t.counted == counted) else { continue };
            if of.limit.is_reached(count, now) {
                return Err(of.limit.refusal(count, now));
            }
        }
        Ok(())
    }

    /// Counts a wrong password, and makes its answer wait, the longer the more there were. Nothing is held meanwhile.
    pub(crate) async fn wrong(&self, app: &Arrival) -> Result<()> {
        let most = app
            .write(None, self.clone(), |work, tries| {
                Box::pin(async move {
                    rows::forget_before(work.tx, work.at().checked_sub(DAY).unwrap_or(Timestamp::MIN)).await?;
                    let mut most = 0;
                    for one in &tries.0 {
                        let count = rows::count(work.tx, &one.counted, one.limit.window, work.at()).await?;
                        most = most.max(count.tries);
                    }
                    Ok(most)
                })
            })
            .await?;
        app.clock.wait(delay(most)).await;
        Ok(())
    }
}

/// How long the answer to the n-th wrong password waits: nothing to speak of at first, three seconds at most.
fn delay(tries: i64) -> Duration {
    let tries = u64::try_from(tries).unwrap_or(0).min(100);
    Duration::from_millis((2 * tries * tries).min(3000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_address() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn each_failure_waits_longer_up_to_three_seconds() {
        assert_eq!([1, 5, 20, 39, 1_000_000].map(|n| delay(n).as_millis()), [2, 50, 800, 3000, 3000]);
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let count = Count { since: at(0), tries: 100 };
        assert!(WRONG_FOR_ACCOUNT.is_reached(count, at(3599)) && !WRONG_FOR_ACCOUNT.is_reached(count, at(3600)));
        let refusal = WRONG_FOR_ACCOUNT.refusal(count, at(600));
        assert_eq!((refusal.code, refusal.retry_after), ("too-many-sign-ins", Some(3000)));
    }
}
