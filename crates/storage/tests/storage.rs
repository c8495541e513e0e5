//! The way in of an upload, through the embedded server's real S3 requests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;

use ami_storage::embedded::Embedded;
use ami_storage::inspect::{Recognised, Refused, inspect};
use ami_storage::spool::{ReceiveError, Spool};
use ami_storage::{ObjectKey, Storage, StorageError};
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

async fn server(folder: &Path) -> (Embedded, Storage) {
    let server = Embedded::start(&folder.join("objects"), "key".into(), "secret".into()).await.unwrap();
    let storage = server.storage();
    storage.ensure_bucket().await.unwrap();
    (server, storage)
}

#[tokio::test]
async fn what_is_put_is_read_back_whole_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("spool")).unwrap();
    let bytes: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
    let file = spool.receive(Uuid::from_u128(1), bytes.as_slice(), 20_000_000).await.unwrap();
    let key = ObjectKey::for_piece(Uuid::from_u128(1));

    let (running, storage) = server(folder.path()).await;
    storage.put(&key, &file).await.unwrap();
    running.stop().await;

    let (running, storage) = server(folder.path()).await;
    let mut object = storage.get(&key).await.unwrap();
    let mut back = Vec::new();
    object.reader.read_to_end(&mut back).await.unwrap();
    assert_eq!((object.size, back == bytes), (20_000_000, true));
    let missing = storage.get(&ObjectKey::for_piece(Uuid::from_u128(2))).await;
    assert!(matches!(missing, Err(StorageError::Missing(_))), "{missing:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _) = server(folder.path()).await;
    let mut settings = running.settings().clone();
    settings.secret_key = "guess".into();
    assert!(Storage::new(&settings).ready().await.is_err());
    assert!(!format!("{settings:?}").contains("guess"), "secrets stay out of logs");
    running.stop().await;
}

#[tokio::test]
async fn an_upload_that_does_not_arrive_whole_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();

    let large = spool.receive(Uuid::from_u128(1), [0u8; 101].as_slice(), 100).await;
    assert!(matches!(large, Err(ReceiveError::TooLarge { max: 100 })));
    assert!(matches!(spool.receive(Uuid::from_u128(2), [].as_slice(), 100).await, Err(ReceiveError::Empty)));
    let broken = tokio_util::io::StreamReader::new(futures_util::stream::iter([
        Ok(bytes::Bytes::from_static(b"half")),
        Err(std::io::Error::other("gone")),
    ]));
    assert!(matches!(spool.receive(Uuid::from_u128(3), broken, 100).await, Err(ReceiveError::Interrupted(_))));
    assert_eq!(left(), 0);

    let kept = spool.receive(Uuid::from_u128(4), b"whole".as_slice(), 100).await.unwrap();
    assert_eq!((left(), kept.size()), (1, 5));
    drop(kept);
    assert_eq!(left(), 0);

    // What a killed process left is gone at the next start.
    std::fs::write(folder.path().join("x.upload"), b"half").unwrap();
    Spool::open(folder.path()).unwrap();
    assert_eq!(left(), 0);
}

fn recognised(bytes: &[u8]) -> Result<Recognised, &'static str> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    inspect(file.path()).map_err(|e: Refused| e.code())
}

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn types_are_known_from_bytes() {
    let pdf = |trailer: &str| {
        format!("%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<< {trailer} >>\nstartxref\n9\n%%EOF\n").into_bytes()
    };
    assert_eq!(recognised(&pdf("/Root 1 0 R")), Ok(Recognised::Pdf));
    assert_eq!(recognised(&pdf("/Root 1 0 R /Title (About /Encryption)")), Ok(Recognised::Pdf));
    assert_eq!(recognised(&pdf("/Root 1 0 R /Encrypt 7 0 R")), Err("encrypted"));
    assert_eq!(recognised(&pdf("/Encrypt<</Filter/Standard>>")), Err("encrypted"));
    assert_eq!(recognised(b"%PDF-1.7\nhalf"), Err("damaged"));
    assert_eq!(recognised(b"\x89PNG\r\n\x1a\n....IHDR....IEND\xaeB`\x82"), Ok(Recognised::Png));
    assert_eq!(recognised(b"\xff\xd8\xff\xe0....\xff\xd9"), Ok(Recognised::Jpg));
    assert_eq!(recognised(b"\xff\xd8\xff\xe0...."), Err("damaged"));

    let manifest = ("META-INF/manifest.xml", "<manifest/>");
    let odt = ("mimetype", "application/vnd.oasis.opendocument.text");
    let ods = ("mimetype", "application/vnd.oasis.opendocument.spreadsheet");
    assert_eq!(recognised(&archive(&[odt, manifest])), Ok(Recognised::Odt));
    assert_eq!(recognised(&archive(&[ods, manifest])), Ok(Recognised::Ods));
    assert_eq!(recognised(&archive(&[ods, manifest, ("Basic/Standard/Module1.xml", "")])), Err("macros"));
    assert_eq!(recognised(&archive(&[odt, ("META-INF/manifest.xml", "<encryption-data/>")])), Err("encrypted"));
    let types = |t: &'static str| [("[Content_Types].xml", t)];
    assert_eq!(recognised(&archive(&types("…wordprocessingml.document.main+xml…"))), Ok(Recognised::Docx));
    assert_eq!(recognised(&archive(&types("…spreadsheetml.sheet.main+xml…"))), Ok(Recognised::Xlsx));
    assert_eq!(recognised(&archive(&types("…ms-excel.sheet.macroEnabled.main+xml…"))), Err("macros"));
    assert_eq!(recognised(&archive(&[("a.txt", "b")])), Err("format"));

    let mut old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    assert_eq!(recognised(&old), Err("old-office"));
    old.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(recognised(&old), Err("encrypted"));
    for other in [b"MZ\x90\x00".as_slice(), b"<html></html>", b"#!/bin/sh", b"PK\x03\x04broken"] {
        assert!(recognised(other).is_err());
    }
}
