//! Passwords: Argon2id, as many at a time as there are cores, in memory that is used again.
//!
//! One hash fills 19 MiB. Whoever comes while all cores work waits in a queue of bounded length; past it the answer is
//! `503 busy`. So the memory has a bound, whatever is asked at once, and it neither grows nor falls to pieces; a while after the last
//! hash it is given back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cores::Cores;
use crate::{Error, Result};

/// How long memory is kept for the next hash: filling fresh memory takes as long as the hash itself.
const KEPT: Duration = Duration::from_secs(5);
/// Blocks of 1 KiB that are asked for at once, though a hash touches 19 MiB of them. What is larger than 32 MiB the C library
/// takes from the system and gives back to it whole; anything smaller, once freed, it keeps for ever.
const ASKED_FOR: usize = 33 * 1024;

/// How many may wait for a core, for each core: about four seconds' worth.
const WAITING: usize = 128;

/// Hashes and compares passwords.
#[derive(Debug)]
pub struct Passwords {
    queue: Arc<Semaphore>,
    cores: Cores,
    memory: Arc<Memory>,
}

/// A core to hash on.
#[derive(Debug)]
pub(crate) struct Turn {
    _queue: OwnedSemaphorePermit,
    _core: OwnedSemaphorePermit,
    memory: Arc<Memory>,
}

impl Passwords {
    /// On these cores, with the other long works.
    pub fn new(cores: &Cores) -> Self {
        let most = cores.count() * (1 + WAITING);
        Self { queue: Arc::new(Semaphore::new(most)), cores: cores.clone(), memory: Arc::default() }
    }

    /// Waits for a core.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let busy = || Error::later("busy", 2, "too many passwords wait to be hashed");
        let queue = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| busy())?;
        let core = self.cores.turn().await?;
        Ok(Turn { _queue: queue, _core: core, memory: Arc::clone(&self.memory) })
    }
}

impl Turn {
    /// Hashes a password, with a random salt.
    pub(crate) async fn hash(self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.work(move |memory| memory.hash(&password)).await?.map_err(Error::internal)
    }

    /// Whether a password fits a hash. Without a hash it takes as long, so that a missing account does not show.
    pub(crate) async fn fits(self, password: &str, hash: Option<String>) -> Result<bool> {
        let password = password.to_owned();
        self.work(move |memory| memory.fits(&password, hash.as_deref())).await
    }

    /// The turn ends with the work, though whoever asked for it may be gone before.
    async fn work<T: Send + 'static>(self, work: impl FnOnce(&Memory) -> T + Send + 'static) -> Result<T> {
        let memory = Arc::clone(&self.memory);
        let working = tokio::task::spawn_blocking(move || {
            let turn = self;
            work(&turn.memory)
        });
        let done = working.await.map_err(Error::internal);
        memory.rest();
        done
    }
}

/// The memory that hashing fills: as many pieces as were lately used at once, which is as many as there are cores.
#[derive(Debug)]
struct Memory {
    pieces: Mutex<Vec<Vec<Block>>>,
    /// Counts hashes.
    used: AtomicU64,
    /// Whether somebody waits to give it back.
    watched: AtomicBool,
    kept: Duration,
}

impl Default for Memory {
    fn default() -> Self {
        Self { pieces: Mutex::default(), used: AtomicU64::new(0), watched: AtomicBool::new(false), kept: KEPT }
    }
}

impl Memory {
    /// Gives the memory back once nothing was hashed for a while.
    fn rest(self: Arc<Self>) {
        if self.watched.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::spawn(async move {
            let mut used = self.used.load(Ordering::SeqCst);
            loop {
                tokio::time::sleep(self.kept).await;
                let now = self.used.load(Ordering::SeqCst);
                if std::mem::replace(&mut used, now) == now {
                    break;
                }
            }
            // First: what is hashed from here on is watched anew.
            self.watched.store(false, Ordering::SeqCst);
            let pieces = std::mem::take(&mut *self.pieces.lock().unwrap_or_else(PoisonError::into_inner));
            drop(pieces);
        });
    }

    fn fill(&self, argon2: &Argon2<'_>, password: &str, salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
        let kept = self.pieces.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = kept.unwrap_or_else(|| Vec::with_capacity(ASKED_FOR));
        let count = argon2.params().block_count();
        if blocks.len() < count {
            blocks.resize(count, Block::new());
        }
        let done = argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut blocks[..count]);
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
        self.used.fetch_add(1, Ordering::SeqCst);
        done
    }

    fn hash(&self, password: &str) -> std::result::Result<String, argon2::password_hash::Error> {
        let argon2 = Argon2::default();
        let salt = Salt::generate();
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        self.fill(&argon2, password, &salt, &mut out)?;
        let hash = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(salt),
            hash: Some(Output::new(&out)?),
        };
        Ok(hash.to_string())
    }

    fn fits(&self, password: &str, hash: Option<&str>) -> bool {
        const NOBODY: &str =
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        self.compare(password, hash.unwrap_or(NOBODY)).unwrap_or(false) && hash.is_some()
    }

    fn compare(&self, password: &str, hash: &str) -> Option<bool> {
        let parsed = PasswordHash::new(hash).ok()?;
        let (salt, expected) = (parsed.salt.as_ref()?, parsed.hash.as_ref()?);
        let algorithm = Algorithm::new(parsed.algorithm.as_str()).ok()?;
        let version = parsed.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&parsed).ok()?);
        let mut out = vec![0; expected.len()];
        self.fill(&argon2, password, salt, &mut out).ok()?;
        // Compared in constant time.
        Some(Output::new(&out).ok()? == *expected)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn a_hash_is_the_librarys_own_and_memory_is_used_again() {
        let memory = Memory::default();
        let ours = memory.hash("un mot de passe long").unwrap();
        assert!(Argon2::default().verify_password(b"un mot de passe long", ours.as_str()).is_ok());
        let theirs = Argon2::default().hash_password(b"un autre mot de passe").unwrap().to_string();
        assert!(memory.fits("un autre mot de passe", Some(&theirs)));
        assert!(!memory.fits("un mot de passe long", Some(&theirs)));
        assert!(!memory.fits("un mot de passe long", None) && !memory.fits("x", Some("illisible")));
        assert_eq!(memory.pieces.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn past_the_queue_nobody_waits() {
        let passwords = Passwords { queue: Arc::new(Semaphore::new(1)), cores: Cores::new(1), memory: Arc::default() };
        let turn = passwords.turn().await.unwrap();
        let refused = passwords.turn().await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), ("busy", Some(2)));
        drop(turn);
        assert!(passwords.turn().await.is_ok());
    }

    #[tokio::test]
    async fn memory_is_given_back_after_a_while() {
        let memory = Arc::new(Memory { kept: Duration::from_millis(1), ..Memory::default() });
        for _ in 0..2 {
            memory.hash("un mot de passe long").unwrap();
            assert_eq!(memory.pieces.lock().unwrap().len(), 1);
            Arc::clone(&memory).rest();
            let given_back = async {
                while !memory.pieces.lock().unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(KEPT, given_back).await.unwrap();
        }
    }
}
