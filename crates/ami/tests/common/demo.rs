//! The demonstration, running as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The demonstration, running as its own process.
pub(crate) struct Demo {
    process: Child,
    /// Kept open: a program whose output nobody takes fails when it prints.
    _output: std::io::Lines<BufReader<std::process::ChildStdout>>,
    ready: Value,
}

impl Demo {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_in(data, &["env"])
    }

    /// The same, by a command that ends by becoming the one that it is given.
    pub(crate) fn start_in(data: &Path, command: &[&str]) -> Self {
        let mut process = Command::new(command[0])
            .args(&command[1..])
            .args([env!("CARGO_BIN_EXE_ami"), "demo", "--port", "0", "--data"])
            .arg(data)
            .env("AMI_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // The last line before requests are taken; the file is written just after.
        for line in lines.by_ref() {
            if line.unwrap().starts_with("Les courriels") {
                break;
            }
        }
        let root = PathBuf::from(format!("/proc/{}/root", process.id()));
        let path = root.join(data.strip_prefix("/").unwrap()).join("demo.json");
        let started = std::time::Instant::now();
        while !path.exists() {
            assert!(started.elapsed().as_secs() < 30, "demo.json was not written");
            std::thread::yield_now();
        }
        Self { process, _output: lines, ready: serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The file system as the process sees it.
    pub(crate) fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.process.id()).into()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
    }

    /// Its exit code, once it has stopped by itself.
    pub(crate) fn stopped(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.ready["url"].as_str().unwrap())
    }

    /// Its `demo.json`.
    pub(crate) const fn ready(&self) -> &Value {
        &self.ready
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Nothing to do when it was killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
