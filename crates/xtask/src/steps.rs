//! The steps of `cargo xtask test`, in order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::garage::{self, Garage};
use crate::postgres::{self, Cluster};

/// Debian packages that the tests need, by the program that shows that they are there.
const PACKAGES: [(&str, &str); 3] =
    [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("clamd", "clamav-daemon")];
/// What looks at dependencies, built once into cargo's own folder of programs.
const DENY: (&str, &str) = ("deny", "^0.20");
const MACHETE: (&str, &str) = ("machete", "^0.9");
/// Tests whose application takes the storage that the environment names, and that look at no folder of the embedded one.
const ON_STORAGE: [&str; 6] = ["path", "filed", "applicant", "stale", "exports", "uploads"];
/// Names a clone of the database of known vulnerabilities.
const ADVISORY_DB: &str = "AMI_ADVISORY_DB";
/// The accessibility checker, from the npm registry.
const AXE: &str = "axe-core@4";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, Path::to_path_buf)
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

fn has(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|paths| std::env::split_paths(&paths).any(|p| p.join(program).is_file()))
}

/// What ran, and how long each took.
#[derive(Default)]
struct Parts(Vec<(String, Duration)>);

impl Parts {
    fn step(&mut self, name: &str, command: &mut Command) -> Result<(), String> {
        println!("\n▶ {name}");
        let started = Instant::now();
        let status = command.current_dir(root()).status().map_err(|e| format!("{name}: {e}"))?;
        self.0.push((name.to_owned(), started.elapsed()));
        if status.success() { Ok(()) } else { Err(format!("{name} failed")) }
    }

    /// The table; `total` is more than the sum by what is between the parts.
    fn print(&self, total: Duration) {
        println!();
        for (name, took) in self.0.iter().map(|(name, took)| (name.as_str(), took)).chain([("total", &total)]) {
            println!("{name:<32}{:>8.1} s", took.as_secs_f32());
        }
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Where `cargo run` has set it, cargo-machete does not know that cargo has called it.
    command.args(arguments).env_remove("CARGO_PKG_NAME");
    command
}

/// Installs what is missing where that is possible, and names what still is.
fn install(parts: &mut Parts) -> Vec<String> {
    let mut wanted: Vec<&str> =
        PACKAGES.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect();
    if postgres::binaries().is_none() {
        wanted.push("postgresql");
    }
    let mut missing = Vec::new();
    if !wanted.is_empty() {
        println!("▶ installing {}", wanted.join(", "));
        let update = parts.step("apt-get update", Command::new("apt-get").args(["update", "-qq"]));
        let mut install = Command::new("apt-get");
        install
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&wanted);
        if update.and_then(|()| parts.step("apt-get install", &mut install)).is_err() {
            missing.push(format!("Debian packages: {}", wanted.join(", ")));
        }
    }
    missing
}

/// Whether cargo has the subcommand, installed where it had not.
fn has_subcommand(parts: &mut Parts, (name, version): (&str, &str)) -> bool {
    let program = format!("cargo-{name}");
    let there = cargo(&[name, "--version"]).output().is_ok_and(|output| output.status.success());
    there
        || parts
            .step(&format!("{program}, built"), &mut cargo(&["install", "--locked", &program, "--version", version]))
            .is_ok()
}

/// Licences, sources and doubles of the dependencies; what is known against them where `AMI_ADVISORY_DB` names a clone of the
/// advisory database.
fn dependencies(parts: &mut Parts, not_run: &mut Vec<String>) -> Result<(), String> {
    if !has_subcommand(parts, DENY) {
        not_run.push("licences and sources of the dependencies (cargo-deny could not be installed)".into());
        return Ok(());
    }
    let check = ["deny", "--locked", "check", "--hide-inclusion-graph"];
    parts.step("dependencies", cargo(&check).args(["bans", "licenses", "sources"]))?;
    let Some(clone) = std::env::var_os(ADVISORY_DB) else {
        println!("advisories: {ADVISORY_DB} names no clone of their database");
        return Ok(());
    };
    link_advisories(Path::new(&clone)).map_err(|error| format!("{ADVISORY_DB}: {error}"))?;
    parts.step("advisories", &mut cargo(&["deny", "--locked", "--offline", "check", "advisories"]))
}

/// Dependencies that nothing uses: of a crate as cargo-machete finds them, of the workspace by their names.
fn unused(parts: &mut Parts, not_run: &mut Vec<String>) -> Result<(), String> {
    let members = members().map_err(|error| format!("crates: {error}"))?;
    let unnamed = unnamed(&members).map_err(|error| format!("manifests: {error}"))?;
    if !unnamed.is_empty() {
        return Err(format!("no crate names these dependencies of the workspace: {}", unnamed.join(", ")));
    }
    if !has_subcommand(parts, MACHETE) {
        not_run.push("unused dependencies (cargo-machete could not be installed)".into());
        return Ok(());
    }
    parts.step("unused dependencies", cargo(&["machete"]).args(members))
}

/// The folders of the workspace's crates.
fn members() -> std::io::Result<Vec<PathBuf>> {
    let mut members = vec![root().join("migrations")];
    for entry in std::fs::read_dir(root().join("crates"))? {
        members.push(entry?.path());
    }
    Ok(members)
}

/// Dependencies of the workspace that no member names.
fn unnamed(members: &[PathBuf]) -> std::io::Result<Vec<String>> {
    let mut named = BTreeSet::new();
    for folder in members {
        named.extend(names(&std::fs::read_to_string(folder.join("Cargo.toml"))?));
    }
    let ours = std::fs::read_to_string(root().join("Cargo.toml"))?;
    Ok(names(&ours).difference(&named).cloned().collect())
}

/// What stands before `=` in a manifest's sections of dependencies.
fn names(manifest: &str) -> BTreeSet<String> {
    let mut within = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            within = line.ends_with("dependencies]");
        } else if within && let Some((name, _)) = line.split_once([' ', '=', '.']).filter(|_| !line.starts_with('#')) {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Makes the clone the one that cargo-deny would have fetched: the folder of `deny.toml`, the name that it gives its default.
fn link_advisories(clone: &Path) -> std::io::Result<()> {
    let folder = root().join("target/advisories");
    let link = folder.join("advisory-db-3157b0e258782691");
    std::fs::create_dir_all(&folder)?;
    match std::fs::remove_file(&link) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(clone.canonicalize()?, link)
}

/// The checker's script, fetched once into the build folder.
fn axe(parts: &mut Parts) -> Option<PathBuf> {
    let folder = root().join("target/axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(&folder).arg(AXE);
        parts.step("axe-core from the npm registry", &mut npm).ok()?;
    }
    script.exists().then_some(script)
}

/// `cargo xtask test`.
pub(crate) fn test() -> Result<(), String> {
    let started = Instant::now();
    let mut parts = Parts::default();
    let outcome = run(&mut parts);
    parts.print(started.elapsed());
    let not_run = outcome?;
    if not_run.is_empty() {
        return Ok(());
    }
    println!("\nNOT RUN:");
    for line in &not_run {
        println!("  - {line}");
    }
    if in_ci() { Err("CI runs everything".into()) } else { Ok(()) }
}

/// Every part in order, up to the first that fails; gives what could not be run.
fn run(parts: &mut Parts) -> Result<Vec<String>, String> {
    let mut not_run = install(parts);
    parts.step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    dependencies(parts, &mut not_run)?;
    unused(parts, &mut not_run)?;
    parts.step("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;

    parts.step("tests, built", &mut cargo(&["test", "--workspace", "--quiet", "--no-run"]))?;
    let mut tests = cargo(&["test", "--workspace", "--quiet", "--no-fail-fast"]);
    // `ami serve` refuses a variable that sets nothing.
    tests.env_remove(ADVISORY_DB);
    let cluster = match postgres::binaries() {
        Some(binaries) => Some(Cluster::start(&binaries)?),
        None => None,
    };
    match &cluster {
        Some(cluster) => {
            tests.env("AMI_TEST_POSTGRES_URL", cluster.url());
        }
        None => not_run.push("the main path on PostgreSQL (no server is installed)".into()),
    }
    let browser = has("chromium") && has("chromedriver");
    match (browser, axe(parts)) {
        (true, Some(script)) => {
            tests.env("AMI_TEST_AXE", script).env("AMI_TEST_SCREENSHOTS", root().join("target/screenshots"));
        }
        (true, None) => not_run.push("the accessibility check (axe-core could not be fetched)".into()),
        (false, _) => not_run.push("the main path in a browser (chromium and chromedriver are missing)".into()),
    }
    if !browser {
        tests.env("AMI_TEST_NO_BROWSER", "1");
    }
    parts.step("tests, run", &mut tests)?;
    drop(cluster);
    Ok(not_run)
}

/// `cargo xtask accept`: what takes too long for every change. Garage is the storage, and the program is killed 200 times.
pub(crate) fn accept() -> Result<(), String> {
    let started = Instant::now();
    let mut parts = Parts::default();
    let outcome = accept_parts(&mut parts);
    parts.print(started.elapsed());
    outcome
}

fn accept_parts(parts: &mut Parts) -> Result<(), String> {
    let binaries = postgres::binaries().ok_or("PostgreSQL is not installed")?;
    let garage = Garage::start(garage::program(&root().join("target"))?)?;
    let cluster = Cluster::start(&binaries)?;
    // The same features as everywhere, so that nothing is built again.
    let tests = |named: &[&str]| {
        let mut tests = cargo(&["test", "--workspace", "--quiet", "--no-fail-fast"]);
        for name in named {
            tests.args(["--test", name]);
        }
        tests.env("AMI_TEST_POSTGRES_URL", cluster.url());
        tests
    };
    let variables = garage.variables.iter().map(|(name, value)| (*name, value.as_str()));
    parts.step("tests on Garage", tests(&ON_STORAGE).envs(variables))?;
    parts.step("200 kills", tests(&["crash"]).env("AMI_TEST_KILLS", "200"))
}

/// `cargo xtask generate`.
pub(crate) fn generate() -> Result<(), String> {
    let mut parts = Parts::default();
    parts.step("policy", cargo(&["test", "--quiet", "--package", "ami-domain", "policy"]).env("UPDATE_POLICY", "1"))?;
    parts.step(
        "routes",
        cargo(&["test", "--quiet", "--package", "ami", "--test", "routes"]).env("UPDATE_ROUTES", "1"),
    )?;
    parts.step(
        "queries",
        cargo(&["test", "--quiet", "--package", "ami", "--test", "queries"]).env("UPDATE_QUERIES", "1"),
    )?;
    parts.step(
        "API description",
        cargo(&["test", "--quiet", "--package", "ami", "--test", "house"]).env("UPDATE_OPENAPI", "1"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_their_sections() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na = \"1\"\nb.workspace = true\n\n[dev-dependencies]\nc = {}\n[lib]\nd = 1\n";
        assert_eq!(names(manifest).into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
