//! What need not be read again: within a request that changes nothing, and, where a moment does no harm, between requests.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::{Arrival, Result};

type Found = Arc<dyn Any + Send + Sync>;

/// How long a number, or what everybody may read, is taken as it was, when another server changed it; what this one changes counts
/// at once.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);
/// Things that are remembered between requests.
const MOST: usize = 256;

/// What a request has read already.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<String, Found>>);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

impl Known {
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What was read lately, by anybody.
#[derive(Default)]
pub struct Lately(Mutex<HashMap<String, Remembered>>);

struct Remembered {
    /// After how many writes it was read, and by a request of when; never again where it never changes.
    read: Option<(u64, Timestamp)>,
    used: Instant,
    found: Found,
}

impl std::fmt::Debug for Lately {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lately")
    }
}

impl Lately {
    fn find<T: Clone + 'static>(&self, key: &str, now: Option<(u64, Timestamp)>) -> Option<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get_mut(key)?;
        if let (Some((writes, at)), Some((writes_now, now))) = (kept.read, now)
            && (writes != writes_now || at.duration_until(now).abs() > MOMENT)
        {
            return None;
        }
        kept.used = Instant::now();
        kept.found.downcast_ref::<T>().cloned()
    }

    fn keep<T: Send + Sync + 'static>(&self, key: String, read: Option<(u64, Timestamp)>, found: T) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST
            && !all.contains_key(&key)
            && let Some(oldest) = all.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
        all.insert(key, Remembered { read, used: Instant::now(), found: Arc::new(found) });
    }
}

impl Arrival {
    /// The same, for a request that changes nothing: what it has read it does not read again.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.known = Some(Arc::default());
        self
    }

    /// What a request reads under a name: once, where it changes nothing.
    pub(crate) async fn once<T: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        of: impl Display,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(known) = &self.known else { return load.await };
        let key = format!("{name} {of}");
        let found = known.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(found) = found.and_then(|found| found.downcast_ref::<T>().cloned()) {
            return Ok(found);
        }
        let found = load.await?;
        known.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::new(found.clone()));
        Ok(found)
    }

    /// A number, or what everybody may read: as it stands after the last write of this server, and at most a moment old where
    /// others write too. Whether the reader may see it is asked before.
    pub(crate) async fn lately<T: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        of: impl Display,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.remembered(name, of, Some((self.database.writes(), self.at)), load).await
    }

    /// What never changes.
    pub(crate) async fn always<T: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        of: impl Display,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.remembered(name, of, None, load).await
    }

    /// What was read under a name after so many writes, or whenever.
    async fn remembered<T: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        of: impl Display,
        now: Option<(u64, Timestamp)>,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let key = format!("{name} {of}");
        if let Some(found) = self.lately.find(&key, now) {
            return Ok(found);
        }
        let found = load.await?;
        self.lately.keep(key, now, found.clone());
        Ok(found)
    }
}
