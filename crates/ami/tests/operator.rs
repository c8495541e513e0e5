//! What an operator does beside a running server, and with a copy of its folder: with the program itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn ami(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ami"));
    command.args(arguments).env("AMI_DATA", data).env("AMI_PORT", "0").env("AMI_LOG", "info");
    command.env("AMI_PUBLIC_URL", "http://localhost:8000");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command printed, given a line to read; it must succeed.
fn printed(data: &Path, arguments: &[&str], line: &str) -> String {
    let mut process = ami(data, arguments).spawn().unwrap();
    // One that reads nothing may be gone.
    let _ = process.stdin.take().unwrap().write_all(line.as_bytes());
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?} {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A server that listens, and what it said until then.
fn serve(data: &Path) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut process = ami(data, &["serve"]).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("ready") {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    (process, log, said)
}

fn stop(process: &mut Child) {
    assert!(Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap().success());
    assert!(process.wait().unwrap().success());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn commands_work_beside_a_server_and_a_copy_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(printed(&data, &["migrate"], "").contains("  m20261123_000001_first\n"));
    assert!(printed(&data, &["migrate"], "").contains("rien n'a été changé"));

    let (mut server, log, said) = serve(&data);
    assert!(!said.contains("no message leaves"), "{said}");
    let create = ["create-administrator", "--email", "ada@exemple.example", "--name", "Ada L"];
    assert!(printed(&data, &create, "un mot de passe long\n").contains("ada@exemple.example"));
    assert!(printed(&data, &["outbox", "status"], "").contains("Les courriels partent"));
    assert!(!std::fs::read_to_string(data.join("secrets.json")).unwrap().contains("signing"));
    stop(&mut server);
    drop(log);

    let elsewhere = folder.path().join("elsewhere");
    copy(&data, &elsewhere);
    let (mut server, _log, said) = serve(&elsewhere);
    assert!(said.contains("no message leaves"), "{said}");
    assert!(printed(&elsewhere, &["outbox", "status"], "").contains("Aucun courriel ne part"));
    assert!(printed(&elsewhere, &["outbox", "resume"], "").contains("Les courriels partent de cette installation"));
    assert!(printed(&elsewhere, &["outbox", "status"], "").contains("Les courriels partent"));
    stop(&mut server);
    // Where it came from it is still at home.
    assert!(printed(&data, &["outbox", "status"], "").contains("Les courriels partent"));
}
