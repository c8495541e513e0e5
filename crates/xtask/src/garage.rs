//! A throw-away Garage: an S3 server that enforces signatures, expiry and checksums.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The crate that is built where there is none.
const GARAGE: (&str, &str) = ("garage", "^2.5");
const BUCKET: &str = "ami";

/// A server of one node; dropped, it is stopped and removed.
pub(crate) struct Garage {
    program: PathBuf,
    folder: PathBuf,
    process: Child,
    /// What tests reach it by.
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// The program: the machine's, or the one that is built once below `target`, in some eight minutes.
pub(crate) fn program(target: &Path) -> Result<PathBuf, String> {
    let on_path = std::env::var_os("PATH").and_then(|paths| {
        std::env::split_paths(&paths).map(|folder| folder.join(GARAGE.0)).find(|program| program.is_file())
    });
    if let Some(program) = on_path {
        return Ok(program);
    }
    let root = target.join("garage");
    let program = root.join("bin").join(GARAGE.0);
    if !program.is_file() {
        println!("▶ Garage, built");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let install = ["install", "--locked", GARAGE.0, "--version", GARAGE.1, "--root"];
        let built = Command::new(cargo).args(install).arg(&root).status().map_err(|error| error.to_string())?;
        if !built.success() {
            return Err("Garage could not be built".into());
        }
    }
    Ok(program)
}

/// Ports that are free now.
fn ports() -> Result<[u16; 2], String> {
    let mut found = [0; 2];
    let mut held = Vec::new();
    for port in &mut found {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
        *port = listener.local_addr().map_err(|error| error.to_string())?.port();
        held.push(listener);
    }
    Ok(found)
}

impl Garage {
    pub(crate) fn start(program: PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("ami-garage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let [rpc, s3] = ports()?;
        let place = folder.display();
        let secret = "0123456789abcdef".repeat(4);
        let settings = format!(
            "metadata_dir = \"{place}/meta\"\ndata_dir = \"{place}/data\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{secret}\"\n\
             [s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n"
        );
        std::fs::write(folder.join("garage.toml"), settings).map_err(|error| error.to_string())?;
        let log = std::fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let process = Command::new(&program)
            .arg("-c")
            .arg(folder.join("garage.toml"))
            .arg("server")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut garage = Self { program, folder, process, variables: Vec::new() };
        garage.prepare(s3)?;
        Ok(garage)
    }

    /// One node, one bucket, one key.
    fn prepare(&mut self, s3: u16) -> Result<(), String> {
        let started = std::time::Instant::now();
        let node = loop {
            match self.ask(&["node", "id", "-q"]).and_then(|node| self.ask(&["status"]).map(|_| node)) {
                Ok(node) => break node,
                Err(error) if started.elapsed().as_secs() > 30 => return Err(error),
                Err(_) => std::thread::yield_now(),
            }
        };
        let node = node.trim().split('@').next().unwrap_or_default().to_owned();
        self.ask(&["layout", "assign", "-z", "here", "-c", "10G", &node])?;
        self.ask(&["layout", "apply", "--version", "1"])?;
        self.ask(&["bucket", "create", BUCKET])?;
        let key = self.ask(&["key", "create", "tests"])?;
        self.ask(&["bucket", "allow", "--read", "--write", "--owner", BUCKET, "--key", "tests"])?;
        let find = |what: &str| {
            let line = key.lines().find_map(|line| line.trim().strip_prefix(what)).map(str::trim);
            line.map(str::to_owned).ok_or_else(|| format!("Garage gave no {what}"))
        };
        self.variables = vec![
            ("AMI_TEST_S3_ENDPOINT", format!("http://127.0.0.1:{s3}")),
            ("AMI_TEST_S3_REGION", "garage".into()),
            ("AMI_TEST_S3_BUCKET", BUCKET.into()),
            ("AMI_TEST_S3_ACCESS_KEY", find("Key ID:")?),
            ("AMI_TEST_S3_SECRET_KEY", find("Secret key:")?),
        ];
        Ok(())
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.join("garage.toml")).args(arguments);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("garage {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Garage {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
