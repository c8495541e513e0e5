//! A line to a server, which tests cut and mend.

use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

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
}

impl Line {
    pub(crate) async fn to(end: End) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, watched) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (end, mut watched) = (end.clone(), watched.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        // Whoever comes while it is cut is sent away at once.
                        _ = watched.wait_for(|cut| *cut) => {}
                        () = carry(&mut near, end) => {}
                    }
                });
            }
        });
        Self { port, cut }
    }

    /// Breaks every connection, and takes no more.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
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
