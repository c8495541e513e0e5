//! Files through the spool and the storage, against the embedded server.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use ami_storage::{Embedded, EmbeddedError, EmbeddedSettings, ObjectKey, Secret, Spool, Storage, StorageError};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use uuid::Uuid;

const MIB: usize = 1024 * 1024;

async fn embedded(directory: &Path) -> Result<Embedded, EmbeddedError> {
    Embedded::start(EmbeddedSettings {
        directory: directory.to_owned(),
        access_key: "AMI".to_owned(),
        secret_key: Secret::new("a secret for tests"),
        port: 0,
    })
    .await
}

async fn bucket(server: &Embedded) -> Storage {
    let storage = Storage::connect(&server.storage_settings("pieces")).unwrap();
    storage.ensure_bucket().await.unwrap();
    storage
}

fn key(number: u128) -> ObjectKey {
    ObjectKey::for_piece(Uuid::from_u128(number))
}

/// Bytes without a short period, so that parts in the wrong order would show.
fn content(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    next.take(size).collect()
}

async fn read(storage: &Storage, key: &ObjectKey) -> Vec<u8> {
    let mut object = storage.get(key).await.unwrap();
    let mut bytes = Vec::new();
    object.reader.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(object.size, bytes.len() as u64);
    assert_eq!(object.total, object.size);
    bytes
}

/// Every file under a directory, hidden ones included.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found.retain(|name| name != ".lock");
    found
}

#[tokio::test]
async fn a_small_file_comes_back_and_goes_away() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    let spool_directory = TempDir::new().unwrap();
    let spool = Spool::open(spool_directory.path()).unwrap();

    let sent = content(1234);
    let spooled = spool.receive(sent.as_slice(), 2000).await.unwrap();
    assert_eq!(storage.size(&key(1)).await.unwrap(), None);
    storage.put_spooled(&key(1), &spooled, "application/pdf").await.unwrap();
    drop(spooled);
    assert_eq!(files(spool_directory.path()), [""; 0]);
    assert_eq!(storage.size(&key(1)).await.unwrap(), Some(1234));
    assert_eq!(read(&storage, &key(1)).await, sent);

    storage.delete(&key(1)).await.unwrap();
    storage.delete(&key(1)).await.unwrap();
    assert!(matches!(storage.get(&key(1)).await, Err(StorageError::NotFound)));
    assert_eq!(files(home.path()), [""; 0], "a deleted object leaves nothing behind");
    server.stop().await;
}

#[tokio::test]
async fn a_large_file_goes_in_parts() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    let spool_directory = TempDir::new().unwrap();
    let spool = Spool::open(spool_directory.path()).unwrap();

    let sent = content(20 * MIB + 7);
    let spooled = spool.receive(sent.as_slice(), u64::MAX).await.unwrap();
    storage.put_spooled(&key(2), &spooled, "application/pdf").await.unwrap();
    assert!(read(&storage, &key(2)).await == sent);
    let kept = files(home.path()).len();
    assert_eq!(kept, 3, "the object and two notes: {:?}", files(home.path()));

    // Across the limit between two parts, and past the end.
    for (start, end) in [(8 * MIB - 3, 8 * MIB + 4), (20 * MIB, 30 * MIB)] {
        let mut part = storage.get_range(&key(2), start as u64..end as u64).await.unwrap();
        let mut bytes = Vec::new();
        part.reader.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, sent[start..end.min(sent.len())]);
        assert_eq!(part.size, bytes.len() as u64);
        assert_eq!(part.total, sent.len() as u64);
    }
    let outside = storage.get_range(&key(2), 30 * MIB as u64..40 * MIB as u64).await;
    assert!(matches!(outside, Err(StorageError::OutOfRange)), "{outside:?}");
    let empty = storage.get_range(&key(2), 5..5).await;
    assert!(matches!(empty, Err(StorageError::OutOfRange)), "{empty:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_changed_since_its_reception_is_not_stored() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    let spool_directory = TempDir::new().unwrap();
    let spool = Spool::open(spool_directory.path()).unwrap();

    for size in [1000, 9 * MIB] {
        let mut bytes = content(size);
        let spooled = spool.receive(bytes.as_slice(), u64::MAX).await.unwrap();
        bytes[size / 2] ^= 1;
        std::fs::write(spooled.path(), bytes).unwrap();
        let answer = storage.put_spooled(&key(3), &spooled, "application/pdf").await;
        assert!(matches!(answer, Err(StorageError::Changed)), "{answer:?}");
        assert_eq!(storage.size(&key(3)).await.unwrap(), None);
        assert_eq!(files(home.path()), [""; 0], "the parts sent before are removed");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_document_made_in_memory() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    let receipt = ObjectKey::for_document(Uuid::from_u128(4));
    storage.put_bytes(&receipt, "%PDF".into(), "application/pdf").await.unwrap();
    assert_eq!(read(&storage, &receipt).await, b"%PDF");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_or_key_is_refused() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    storage.put_bytes(&key(5), "sealed".into(), "application/pdf").await.unwrap();

    let mut wrong_secret = server.storage_settings("pieces");
    wrong_secret.secret_key = Secret::new("another secret");
    let mut wrong_key = server.storage_settings("pieces");
    wrong_key.access_key = "SOMEONE".to_owned();
    for settings in [wrong_secret, wrong_key] {
        let intruder = Storage::connect(&settings).unwrap();
        assert!(matches!(intruder.get(&key(5)).await, Err(StorageError::Denied { .. })));
        assert!(matches!(intruder.ready().await, Err(StorageError::Denied { .. })));
        let put = intruder.put_bytes(&key(6), "x".into(), "application/pdf").await;
        assert!(matches!(put, Err(StorageError::Denied { .. })), "{put:?}");
    }
    assert_eq!(storage.size(&key(6)).await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn objects_outlive_the_server_and_leftovers_do_not() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    storage.put_bytes(&key(7), "kept".into(), "application/pdf").await.unwrap();
    storage.ready().await.unwrap();

    let second = embedded(home.path()).await;
    assert!(matches!(second, Err(EmbeddedError::InUse { .. })), "one server per directory");

    server.stop().await;
    let stopped = storage.ready().await;
    assert!(matches!(stopped, Err(StorageError::Unreachable { .. })), "{stopped:?}");

    let id = "0b6f6a4e-8d0c-4c5e-9d3c-2f6f4d7f8a11";
    for leftover in [
        format!(".upload_id-{id}.part-1"),
        format!(".upload-{id}.json"),
        format!(".bucket-cGllY2Vz.object-eA.upload-{id}.metadata.json"),
        ".tmp.3.internal.part".to_owned(),
    ] {
        let file = std::fs::File::create(home.path().join(leftover)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    let server = embedded(home.path()).await.unwrap();
    let storage = bucket(&server).await;
    assert_eq!(read(&storage, &key(7)).await, b"kept");
    assert_eq!(files(home.path()).len(), 3, "{:?}", files(home.path()));
    server.stop().await;
}

#[tokio::test]
async fn https_never_falls_back_to_clear_text() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let mut settings = server.storage_settings("pieces");
    settings.endpoint = settings.endpoint.replace("http://", "https://");
    let storage = Storage::connect(&settings).unwrap();
    let ready = storage.ready().await;
    assert!(matches!(ready, Err(StorageError::Unreachable { .. })), "{ready:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_absent_bucket_is_not_ready() {
    let home = TempDir::new().unwrap();
    let server = embedded(home.path()).await.unwrap();
    let storage = Storage::connect(&server.storage_settings("pieces")).unwrap();
    assert!(matches!(storage.ready().await, Err(StorageError::NotFound)));
    storage.ensure_bucket().await.unwrap();
    storage.ensure_bucket().await.unwrap();
    storage.ready().await.unwrap();
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_this_account_reads_the_directories() {
    use std::os::unix::fs::PermissionsExt;

    let home = TempDir::new().unwrap();
    let directories = [home.path().join("objects"), home.path().join("spool")];
    let server = embedded(&directories[0]).await.unwrap();
    let _spool = Spool::open(&directories[1]).unwrap();
    for directory in directories {
        let mode = std::fs::metadata(directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
    server.stop().await;
}
