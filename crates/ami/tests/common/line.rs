//! A line to a server, which tests cut and mend.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{RwLock, watch};

/// Where a line leads.
#[derive(Clone)]
pub(crate) enum End {
    /// `host:port`
    Tcp(String),
    /// A socket in the file system.
    Unix(String),
}

/// A port of this machine from which everything goes on to another server.
pub(crate) struct Line {
    pub(crate) port: u16,
    cut: watch::Sender<bool>,
    /// Read by each connection as long as it lasts.
    lasting: Arc<RwLock<()>>,
}

impl Line {
    pub(crate) async fn to(end: End) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, watched) = watch::channel(false);
        let lasting = Arc::new(RwLock::new(()));
        let lasts = Arc::clone(&lasting);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (end, mut watched) = (end.clone(), watched.clone());
                let lasts = Arc::clone(&lasts).read_owned().await;
                tokio::spawn(async move {
                    let _lasts = lasts;
                    tokio::select! {
                        // Whoever comes while it is cut is sent away at once.
                        _ = watched.wait_for(|cut| *cut) => {}
                        () = carry(&mut near, end) => {}
                    }
                });
            }
        });
        Self { port, cut, lasting }
    }

    /// Breaks every connection, and takes no more; done once none is left.
    pub(crate) async fn cut(&self) {
        self.cut.send_replace(true);
        drop(self.lasting.write().await);
    }

    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }
}

/// Until either end goes away.
async fn carry(near: &mut TcpStream, end: End) {
    let _ = match end {
        End::Tcp(address) => copy_bidirectional(near, &mut TcpStream::connect(address).await.unwrap()).await,
        End::Unix(path) => copy_bidirectional(near, &mut UnixStream::connect(path).await.unwrap()).await,
    };
}
