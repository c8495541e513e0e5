//! The S3 server of single-machine mode: s3s-fs on a loopback port, with its own keys.

use std::path::{Path, PathBuf};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::store::{Storage, StorageSettings};

/// The bucket of single-machine mode.
const BUCKET: &str = "ami";

/// Why it did not start.
#[derive(Debug, Error)]
pub enum EmbeddedError {
    /// The folder cannot be used.
    #[error("embedded storage: {0}")]
    Folder(String),
    /// The port cannot be used.
    #[error("embedded storage: {0}")]
    Port(#[from] std::io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Embedded {
    settings: StorageSettings,
    root: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Embedded {
    /// Starts it over a folder, on any free loopback port.
    pub async fn start(root: &Path, access_key: String, secret_key: String) -> Result<Self, EmbeddedError> {
        std::fs::create_dir_all(root)?;
        let files = FileSystem::new(root).map_err(|e| EmbeddedError::Folder(format!("{e:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key.clone(), secret_key.clone()));
        let service = service.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let http = Builder::new(TokioExecutor::new());
            let graceful = GracefulShutdown::new();
            loop {
                let socket = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = &mut stopped => break,
                };
                match socket {
                    Ok((socket, _)) => {
                        let connection = http.serve_connection(TokioIo::new(socket), service.clone());
                        let connection = graceful.watch(connection.into_owned());
                        tokio::spawn(async move {
                            if let Err(error) = connection.await {
                                tracing::debug!(%error, "embedded storage: connection");
                            }
                        });
                    }
                    Err(error) => tracing::warn!(%error, "embedded storage: accept"),
                }
            }
            graceful.shutdown().await;
        });
        let settings = StorageSettings {
            endpoint,
            region: "ami".into(),
            bucket: BUCKET.into(),
            access_key,
            secret_key,
            path_style: true,
        };
        Ok(Self { settings, root: root.to_owned(), stop: Some(stop), task })
    }

    /// A client for it.
    pub fn storage(&self) -> Storage {
        Storage::new(&self.settings).with_local_root(&self.root)
    }

    /// How to reach it.
    pub const fn settings(&self) -> &StorageSettings {
        &self.settings
    }

    /// Stops it once the requests in flight are answered.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The task is gone already when nobody listens.
            let _ = stop.send(());
        }
        let _ = self.task.await;
    }
}
