//! One request, done once: what came of it is kept under its `Idempotency-Key` in the transaction that did it.
//!
//! The same request again, at once or later, gets the same outcome and does nothing; another request under the same key is
//! refused. Kept are the outcomes of acts (an id, a revision), not answers: no secret, no contents.

use std::sync::{Arc, OnceLock};

use ami_database::Doing;
use ami_database::idempotency::{self as rows, Kept};
use ami_domain::deposit::sha256_hex;
use ami_domain::policy::Actor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Arrival, Error, Kind, Result, Work};

/// What a client calls a request, and what the request was: the same key for another request is a mistake.
#[derive(Debug, Clone)]
pub struct Key {
    name: String,
    /// Method and path.
    request: String,
    /// SHA-256 of the body, once it was read.
    body: Arc<OnceLock<String>>,
}

impl Key {
    fn request_sha256(&self) -> String {
        let body = self.body.get().map_or("", String::as_str);
        sha256_hex(format!("{} {body}", self.request).as_bytes())
    }
}

impl Arrival {
    /// The same, for a request that has a key.
    #[must_use]
    pub fn with_key(mut self, key: &str, method: &str, path: &str) -> Self {
        self.key = Some(Key { name: key.to_owned(), request: format!("{method} {path}"), body: Arc::default() });
        self
    }

    /// Tells what the request's body was.
    pub fn body_is(&self, bytes: &[u8]) {
        if let Some(key) = &self.key {
            key.body.get_or_init(|| sha256_hex(bytes));
        }
    }

    /// What came of the same request, when it was done before.
    ///
    /// # Errors
    /// `idempotency-other` when its key was used for another request.
    pub async fn done_before<T: DeserializeOwned>(&self, who: Option<&Actor>) -> Result<Option<T>> {
        let (Some(key), Some(actor)) = (&self.key, who) else { return Ok(None) };
        replay(rows::find(self.database.read(), actor.account, &key.name).await?, key)
    }

    /// [`Arrival::write`], once for a request that has a key.
    ///
    /// # Errors
    /// Those of the act; `idempotency-other` when its key was used for another request.
    pub async fn write_once<A, T, F>(&self, who: Option<&Actor>, given: A, act: F) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: for<'t> Fn(&'t Work<'t>, &'t A) -> Doing<'t, T, Error> + Send + Sync + 'static,
    {
        self.write(who, (self.key.clone(), given, act), |work, (key, given, act)| {
            Box::pin(async move {
                let (Some(key), Some(actor)) = (key, work.who()) else { return act(work, given).await };
                let kept = rows::find(work.tx.read(), actor.account, &key.name).await?;
                if let Some(outcome) = replay(kept, key)? {
                    return Ok(outcome);
                }
                // Two at the same moment: the constraint lets one in, and the other one looks again.
                rows::reserve(work.tx, actor.account, &key.name, &key.request_sha256(), work.at()).await?;
                let outcome = act(work, given).await?;
                let body = serde_json::to_string(&outcome).map_err(Error::internal)?;
                rows::keep(work.tx, actor.account, &key.name, &body).await?;
                Ok(outcome)
            })
        })
        .await
    }
}

fn replay<T: DeserializeOwned>(kept: Option<Kept>, key: &Key) -> Result<Option<T>> {
    let Some(kept) = kept else { return Ok(None) };
    if kept.request_sha256 != key.request_sha256() {
        return Err(Error::new(Kind::Conflict, "idempotency-other"));
    }
    serde_json::from_str(&kept.body).map(Some).map_err(Error::internal)
}
