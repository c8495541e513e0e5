//! Uploads on their way in.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use ami_storage::{ReceiveError, Spool};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

const LIMIT: u64 = 200_000;

/// A sender that hangs up after its first bytes.
struct Interrupted<'a>(&'a [u8]);

impl AsyncRead for Interrupted<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

fn uploads(directory: &Path) -> usize {
    let names = std::fs::read_dir(directory).unwrap();
    names.filter(|entry| entry.as_ref().unwrap().file_name() != ".lock").count()
}

#[tokio::test]
async fn an_upload_is_counted_hashed_and_deleted_with_its_value() {
    let home = TempDir::new().unwrap();
    let spool = Spool::open(home.path().join("deep/spool")).unwrap();
    let received = spool.receive(&b"abc"[..], 3).await.unwrap();
    assert_eq!(received.size(), 3);
    // FIPS 180-2, appendix B.1.
    assert_eq!(received.sha256_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(std::fs::read(received.path()).unwrap(), b"abc");
    let path = received.path().to_owned();
    drop(received);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let spool = Spool::open(home.path()).unwrap();

    let exact = spool.receive(tokio::io::repeat(1).take(LIMIT), LIMIT).await.unwrap();
    assert_eq!(exact.size(), LIMIT);
    drop(exact);

    let endless = spool.receive(tokio::io::repeat(1), LIMIT).await;
    assert!(matches!(endless, Err(ReceiveError::TooLarge { max: LIMIT })), "{endless:?}");
    let one_more = spool.receive(tokio::io::repeat(1).take(LIMIT + 1), LIMIT).await;
    assert!(matches!(one_more, Err(ReceiveError::TooLarge { .. })), "{one_more:?}");
    let empty = spool.receive(tokio::io::empty(), LIMIT).await;
    assert!(matches!(empty, Err(ReceiveError::Empty)), "{empty:?}");
    let interrupted = spool.receive(Interrupted(&vec![7; 100_000]), LIMIT).await;
    assert!(matches!(interrupted, Err(ReceiveError::Interrupted(_))), "{interrupted:?}");
    assert_eq!(uploads(home.path()), 0);
}

#[tokio::test]
async fn an_abandoned_reception_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let spool = Spool::open(home.path()).unwrap();
    // The sender is there but silent; whoever waited for it goes away.
    let (_silent, reader) = tokio::io::duplex(1);
    let mut reception = Box::pin(spool.receive(reader, LIMIT));
    let waiting = std::future::poll_fn(|cx| Poll::Ready(reception.as_mut().poll(cx).is_pending()));
    assert!(waiting.await);
    assert_eq!(uploads(home.path()), 1);
    drop(reception);
    assert_eq!(uploads(home.path()), 0);
}

#[tokio::test]
async fn leftovers_go_at_the_start_unless_someone_uses_them() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("4242-0.upload"), "from a killed process").unwrap();
    let spool = Spool::open(home.path()).unwrap();
    assert_eq!(uploads(home.path()), 0);

    let received = spool.receive(&b"in use"[..], LIMIT).await.unwrap();
    drop(spool);
    let neighbour = Spool::open(home.path()).unwrap();
    assert!(received.path().exists(), "a living upload is not a leftover");
    let other = neighbour.receive(&b"mine"[..], LIMIT).await.unwrap();
    assert_ne!(other.path(), received.path());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_does_not_grow_with_the_upload() {
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let home = TempDir::new().unwrap();
    let spool = Spool::open(home.path()).unwrap();
    drop(spool.receive(&b"warm up"[..], LIMIT).await.unwrap());
    let before = peak();
    let size = 128 * 1024 * 1024;
    let received = spool.receive(tokio::io::repeat(1).take(size), size).await.unwrap();
    assert_eq!(received.size(), size);
    let grown = peak() - before;
    assert!(grown < 32 * 1024, "{grown} kB for {size} bytes");
}
