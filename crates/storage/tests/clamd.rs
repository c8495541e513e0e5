//! The scanner against a real clamd with a signature of our own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ami_storage::{ScanError, Scanner, Verdict};
use tempfile::TempDir;

const CLAMD: &str = "/usr/sbin/clamd";

struct Clamd(Child);

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts clamd and returns once it says that it listens.
fn start(home: &Path) -> Clamd {
    let database = home.join("database");
    std::fs::create_dir(&database).unwrap();
    // Name : any type of file : anywhere : "ami-test-threat" in hexadecimal.
    let signature = "Ami.Test.Threat:0:*:616d692d746573742d746872656174\n";
    std::fs::write(database.join("test.ndb"), signature).unwrap();
    let configuration = home.join("clamd.conf");
    let lines = format!(
        "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nStreamMaxLength 1M\n",
        home.join("clamd.sock").display(),
        database.display(),
        home.display(),
    );
    std::fs::write(&configuration, lines).unwrap();
    let mut child =
        Command::new(CLAMD).arg("--config-file").arg(&configuration).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut clamd = Clamd(child);
    let mut said = Vec::new();
    let mut lines = output.lines().map_while(Result::ok);
    for line in lines.by_ref() {
        said.push(line);
        if said.last().unwrap().contains("Self checking every") {
            // Somebody has to read on, or clamd would wait for room in the pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return clamd;
        }
    }
    let status = clamd.0.wait();
    panic!("clamd ended with {status:?} after saying {said:?}");
}

#[tokio::test]
async fn verdicts_of_clamd() {
    if !Path::new(CLAMD).exists() {
        assert!(std::env::var_os("CI").is_none(), "clamd is not installed");
        eprintln!("not run: {CLAMD} is not installed");
        return;
    }
    let home = TempDir::new().unwrap();
    let clamd = start(home.path());
    let socket = home.path().join("clamd.sock");
    let scanner = Scanner::clamd(socket.to_str().unwrap()).unwrap();
    scanner.ready().await.unwrap();

    let file = home.path().join("file");
    std::fs::write(&file, "nothing to see").unwrap();
    assert_eq!(scanner.scan(&file).await.unwrap(), Verdict::Clean);

    std::fs::write(&file, "before ami-test-threat after").unwrap();
    let name = "Ami.Test.Threat.UNOFFICIAL".to_owned();
    assert_eq!(scanner.scan(&file).await.unwrap(), Verdict::Infected { name });

    std::fs::write(&file, vec![0; 8 * 1024 * 1024]).unwrap();
    let too_long = scanner.scan(&file).await;
    assert!(
        matches!(too_long, Err(ScanError::Refused(_) | ScanError::Unreachable(_))),
        "what clamd did not read to its end is never clean: {too_long:?}"
    );

    let absent = scanner.scan(&home.path().join("absent")).await;
    assert!(matches!(absent, Err(ScanError::File(_))), "{absent:?}");

    drop(clamd);
    assert!(matches!(scanner.scan(&file).await, Err(ScanError::Unreachable(_))));
    assert!(matches!(scanner.ready().await, Err(ScanError::Unreachable(_))));
}

#[tokio::test]
async fn without_a_scanner_nothing_is_said_to_be_clean() {
    let scanner = Scanner::none();
    scanner.ready().await.unwrap();
    assert_eq!(scanner.scan(Path::new("/nowhere")).await.unwrap(), Verdict::NotScanned);
}
