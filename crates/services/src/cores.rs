//! Long work: hashing, drawing, exports, rankings. It runs on threads of its own, never on those that answer requests, and as much
//! of it at once as there are cores; the rest waits for its turn, first come first served. So the memory that it takes has a bound
//! too.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result};

/// The machine's cores, given out in turn.
#[derive(Debug, Clone)]
pub struct Cores {
    turns: Arc<Semaphore>,
    count: usize,
}

impl Default for Cores {
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, usize::from))
    }
}

impl Cores {
    pub(crate) fn new(count: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(count)), count }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Waits for a core.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)
    }

    /// Waits for a core and works on it. Work that has begun goes on to its end, and holds its core until then, when whoever asked
    /// for it goes away.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = self.turn().await?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        working.await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_works_at_once_than_there_are_cores() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let cores = Cores::new(2);
        let works: Vec<_> = (0..16)
            .map(|n| {
                let cores = cores.clone();
                tokio::spawn(async move {
                    let work = move || {
                        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        NOW.fetch_sub(1, Ordering::SeqCst);
                        Ok(n)
                    };
                    cores.run(work).await
                })
            })
            .collect();
        for (n, work) in works.into_iter().enumerate() {
            assert_eq!(work.await.unwrap().unwrap(), n);
        }
        assert!((1..=2).contains(&MOST.load(Ordering::SeqCst)));
        // One that fails gives its core back.
        assert!(cores.run(|| Err::<(), _>(Error::not_found())).await.is_err());
        assert_eq!(cores.turns.available_permits(), 2);
    }
}
