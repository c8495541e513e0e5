//! `cargo xtask bench`: one table of the scoring engine's times, with the field's packages beside them where they are.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the references, when a Python with their packages is found (`AMI_PYTHON`, or `python3`), then the table.
pub(crate) fn bench() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("AMI_PYTHON").unwrap_or_else(|| "python3".into());
    let mut table = Command::new(env!("CARGO"));
    table.current_dir(&root).args(["bench", "--quiet", "--package", "ami-scoring", "--bench", "table"]);
    let times = root.join("target/reference-times.json");
    match reference(&root, &python, &times) {
        Ok(()) => {
            table.env("AMI_REFERENCE", &times);
        }
        Err(why) => eprintln!(
            "no reference times ({why}): set AMI_PYTHON to a Python with numpy, scipy, krippendorff and pingouin"
        ),
    }
    let status = table.status().map_err(|error| format!("cargo bench: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo bench: {status}")) }
}

fn reference(root: &Path, python: &std::ffi::OsStr, times: &Path) -> Result<(), String> {
    let script = root.join("crates/scoring/benches/reference.py");
    let output = Command::new(python).arg(script).stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    std::fs::create_dir_all(root.join("target")).map_err(|error| error.to_string())?;
    std::fs::write(times, output.stdout).map_err(|error| error.to_string())
}
