//! A throw-away PostgreSQL cluster on a Unix socket.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A running cluster; dropped, it is stopped and removed.
pub(crate) struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    as_postgres: bool,
}

/// The newest installed server.
pub(crate) fn binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

impl Cluster {
    /// Makes and starts one that is quick and forgets at a power cut. PostgreSQL refuses to run as root, so there it runs as its
    /// own user.
    pub(crate) fn start(binaries: &Path) -> Result<Self, String> {
        Self::start_with(binaries, "-c fsync=off")
    }

    /// The same, with what was acknowledged on the disk.
    pub(crate) fn durable(binaries: &Path) -> Result<Self, String> {
        Self::start_with(binaries, "-c fsync=on -c shared_buffers=256MB")
    }

    fn start_with(binaries: &Path, settings: &str) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("ami-pg-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let cluster = Self { binaries: binaries.to_owned(), folder, as_postgres: is_root() };
        if cluster.as_postgres {
            run(Command::new("chown").arg("postgres").arg(&cluster.folder))?;
        }
        let data = cluster.folder.join("data");
        run(cluster
            .command("initdb")
            .arg("--auth=trust")
            .arg("--username=postgres")
            .arg("--no-sync")
            .arg("-D")
            .arg(&data))?;
        let options = format!("-k {} -c listen_addresses= {settings} -c max_connections=300", cluster.folder.display());
        let log = cluster.folder.join("log");
        run(cluster.command("pg_ctl").args(["-w", "start", "-o", &options]).arg("-D").arg(&data).arg("-l").arg(log))?;
        Ok(cluster)
    }

    /// Where tests reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    fn command(&self, program: &str) -> Command {
        let path = self.binaries.join(program);
        if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        // At worst a folder below the temporary one stays.
        let _ = run(self.command("pg_ctl").args(["-m", "immediate", "-w", "stop"]).arg("-D").arg(data));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
