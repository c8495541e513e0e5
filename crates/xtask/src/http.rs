//! `cargo xtask bench http`: the pages, the API and saving under load, on a large call: a table of what they take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::postgres::{self, Cluster};

const PORT: u16 = 8791;
const METRICS: u16 = 8792;

/// What browsers say that they read.
const ENCODINGS: &str = "gzip, deflate, br, zstd";

#[derive(Debug, clap::Args)]
pub(crate) struct HttpArgs {
    /// `sqlite` or `postgres`.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Dossiers of the call.
    #[arg(long, default_value_t = 400)]
    dossiers: usize,
    /// Seconds of each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Only rows whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Figures of an earlier run on this machine, to print ratios to.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Where figures are written.
    #[arg(long, default_value = "target/bench-http.txt")]
    write: PathBuf,
    /// The program that is measured, in place of the one built here.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The profile that the program is built with.
    #[arg(long, default_value = "release")]
    profile: String,
}

/// What a row asks for.
struct Row {
    name: &'static str,
    clients: u32,
    path: String,
    /// Headers, one a line.
    headers: String,
    status: u16,
    /// Something that the first answer says, where it is not compressed.
    says: &'static str,
    /// A script for `wrk` in place of reading.
    script: Option<PathBuf>,
}

/// What a row took.
#[derive(Debug, Clone, Default)]
struct Figures {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    statements: f64,
    bytes: f64,
    cpu_ms: f64,
    peak_mb: f64,
    failed: f64,
}

impl Figures {
    const fn list(&self) -> [f64; 8] {
        [self.per_second, self.p50_ms, self.p99_ms, self.statements, self.bytes, self.cpu_ms, self.peak_mb, self.failed]
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// Runs the whole of it.
pub(crate) fn bench(args: &HttpArgs) -> Result<(), String> {
    if Command::new("wrk").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return Err("wrk is missing: apt-get install wrk".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().map_err(|e| e.to_string())?;
    let (binary, many) = build(&root, args)?;
    let work = root.join("target/bench-http");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).map_err(|e| e.to_string())?;
    let cluster = match args.database.as_str() {
        "sqlite" => None,
        "postgres" => {
            Some(Cluster::durable(&postgres::binaries().ok_or("no PostgreSQL server: apt-get install postgresql")?)?)
        }
        other => return Err(format!("{other}: sqlite or postgres")),
    };
    let url = match &cluster {
        Some(cluster) => cluster.url(),
        None => format!("sqlite://{}?mode=rwc", work.join("ami.sqlite").display()),
    };
    let data = work.join("data");
    eprintln!("{} dossiers …", args.dossiers);
    let filled = run(Command::new(&many)
        .args(["--database-url", &url, "--data"])
        .arg(&data)
        .args(["--dossiers", &args.dossiers.to_string()]))?;
    let server = Server::start(&binary, &url, &data)?;
    let call = Filled::read(&filled)?;
    let officer = sign_in(&call.officer, &call.password)?;
    let jurors: BTreeMap<&str, String> = call
        .open
        .iter()
        .map(|(juror, _)| juror.as_str())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|juror| Ok((juror, sign_in(juror, &call.password)?)))
        .collect::<Result<_, String>>()?;
    let mut table = Table::new(args)?;
    for clients in [4, 16, 64] {
        let script = work.join(format!("save-{clients}.lua"));
        fs::write(&script, saving(&call, &jurors)).map_err(|e| e.to_string())?;
        let name = match clients {
            4 => "save a mark, 4 clients",
            16 => "save a mark, 16 clients",
            _ => "save a mark, 64 clients",
        };
        let row = Row { script: Some(script), clients, says: "", ..read(name, "/healthz", "", "") };
        table.measure(&server, &row, args)?;
    }
    for row in rows(&call, &officer, &jurors)? {
        table.measure(&server, &row, args)?;
    }
    drop(server);
    drop(cluster);
    table.end(args)
}

/// The program in the profile that is measured; what fills the database in that of the tests, whose dependencies it has.
fn build(root: &Path, args: &HttpArgs) -> Result<(PathBuf, PathBuf), String> {
    let cargo = |what: &[&str]| {
        let status =
            Command::new(env!("CARGO")).current_dir(root).args(["build", "--package", "ami"]).args(what).status();
        let status = status.map_err(|e| format!("cargo build: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("cargo build: {status}")) }
    };
    cargo(&["--example", "many"])?;
    let many = root.join("target/debug/examples/many");
    if let Some(binary) = &args.binary {
        return Ok((binary.clone(), many));
    }
    cargo(&["--profile", &args.profile, "--bin", "ami"])?;
    let folder = root.join("target").join(if args.profile == "dev" { "debug" } else { &args.profile });
    Ok((folder.join("ami"), many))
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}", output.status))
    }
}

/// What the filling says.
struct Filled {
    call: String,
    password: String,
    officer: String,
    dossier: String,
    /// Juror and open sheet.
    open: Vec<(String, String)>,
}

impl Filled {
    fn read(text: &str) -> Result<Self, String> {
        let of = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
            line.map(str::to_owned).ok_or_else(|| format!("the filling says no {name}"))
        };
        let open = text.lines().filter_map(|l| l.strip_prefix("open ")?.split_once(' '));
        let open = open.map(|(juror, sheet)| (juror.to_owned(), sheet.to_owned())).collect();
        Ok(Self {
            call: of("call")?,
            password: of("password")?,
            officer: of("officer")?,
            dossier: of("dossier")?,
            open,
        })
    }
}

/// The program under measure; dropped, it is stopped.
struct Server(Child);

impl Server {
    fn start(binary: &Path, url: &str, data: &Path) -> Result<Self, String> {
        let child = Command::new(binary)
            .arg("serve")
            .env("AMI_DATABASE_URL", url)
            .env("AMI_DATA", data)
            .env("AMI_PORT", PORT.to_string())
            .env("AMI_METRICS_LISTEN", format!("127.0.0.1:{METRICS}"))
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()))?;
        let server = Self(child);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_mins(1) {
            if ask(PORT, "GET", "/readyz", "", "").is_ok_and(|answer| answer.status == 200) {
                return Ok(server);
            }
            sleep(Duration::from_millis(50));
        }
        Err("the program is not ready".into())
    }

    /// Seconds of processor time so far.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Largest resident size since [`Self::forget_peak`], in MB.
    fn peak(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }

    fn forget_peak(&self) {
        // Where the kernel does not let us, the peak is that since the start.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// One request on a connection of its own.
fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{PORT}\r\nConnection: close\r\n");
    for header in headers.lines() {
        let _ = write!(request, "{header}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    let _ = write!(request, "\r\n{body}");
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or("no status")?;
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}

/// The value of a text member of a JSON object, wherever it is first.
fn member(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn sign_in(email: &str, password: &str) -> Result<String, String> {
    let body = format!("{{\"email\":\"{email}\",\"password\":\"{password}\"}}");
    let answer = ask(PORT, "POST", "/api/v1/session", "", &body)?;
    let text = String::from_utf8_lossy(&answer.body);
    member(&text, "access_token").ok_or_else(|| format!("{email} is not let in: {} {text}", answer.status))
}

/// Each request writes one mark of another sheet, in the name of its juror.
fn saving(call: &Filled, jurors: &BTreeMap<&str, String>) -> String {
    let mut sheets = String::new();
    for (juror, sheet) in &call.open {
        let token = jurors.get(juror.as_str()).map_or("", String::as_str);
        let _ = write!(sheets, "{{\"{sheet}\",\"{token}\"}},");
    }
    format!(
        "local sheets = {{{sheets}}}\nlocal place, n = 0, 0\n\
         function setup(thread) thread:set('first', place); place = place + 50 end\n\
         function request()\n  if n == 0 then n = first end\n  n = n + 1\n  local s = sheets[n % #sheets + 1]\n\
         local body = string.format('{{\"marks\":{{\"A1\":%d}}}}', math.random(1, 4))\n\
         return wrk.format('PATCH', '/api/v1/sheets/' .. s[1], \
         {{['Authorization'] = 'Bearer ' .. s[2], ['Content-Type'] = 'application/json'}}, body)\nend\n"
    )
}

fn read(name: &'static str, path: impl Into<String>, headers: impl Into<String>, says: &'static str) -> Row {
    Row { name, clients: 4, path: path.into(), headers: headers.into(), status: 200, says, script: None }
}

/// Ends marking, has a ranking computed, and lists what is read then.
fn rows(call: &Filled, officer: &str, jurors: &BTreeMap<&str, String>) -> Result<Vec<Row>, String> {
    let code = &call.call;
    let api = format!("Authorization: Bearer {officer}");
    let on = "{\"state\":\"hearings\",\"reason\":\"mesure\"}";
    for (path, body) in [(format!("/api/v1/calls/{code}/state"), on), (format!("/api/v1/calls/{code}/rankings"), "{}")]
    {
        let answer = ask(PORT, "POST", &path, &api, body)?;
        if answer.status >= 300 {
            return Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
    }
    let list = ask(PORT, "GET", &format!("/api/v1/calls/{code}/rankings"), &api, "")?;
    let ranking = member(&String::from_utf8_lossy(&list.body), "id").ok_or("no ranking")?;
    let page = format!("Cookie: ami_access={officer}\nAccept-Encoding: {ENCODINGS}");
    let api = format!("{api}\nAccept-Encoding: {ENCODINGS}");
    let (juror, sheet) = call.open.first().ok_or("no open sheet")?;
    let seat = format!("Cookie: ami_access={}\nAccept-Encoding: {ENCODINGS}", jurors[juror.as_str()]);
    let anyone = format!("Accept-Encoding: {ENCODINGS}");
    let all = format!("/gestion/classements/{ranking}");
    let mut rows = vec![read("ranking page", &all, &page, "Classement")];
    let first = ask(PORT, "GET", &all, &page, "")?;
    if let Some(tag) = first.head.lines().find_map(|l| l.strip_prefix("ETag: ").or_else(|| l.strip_prefix("etag: "))) {
        let headers = format!("{page}\nIf-None-Match: {tag}");
        rows.push(Row { status: 304, ..read("ranking page, known", &all, headers, "") });
    }
    rows.extend([
        read("ranking page, one lot", format!("{all}?lot=ALI-01"), &page, "Classement"),
        read("ranking as JSON", format!("/api/v1/rankings/{ranking}"), &api, "input_sha256"),
        read("dossier page", format!("/gestion/dossiers/{}", call.dossier), &page, "Recevabilité"),
        read("marking page", format!("/fiches/{sheet}"), &seat, "Commentaire A1"),
        read("board", format!("/gestion/{code}"), &page, "AMI-ALI-2027-JURY"),
        read("list of dossiers", format!("/gestion/{code}/dossiers"), &page, "JURY27-"),
        read("list of dossiers, page 4", format!("/gestion/{code}/dossiers?page=4"), &page, "JURY27-"),
        read("juror's list", "/jury", &seat, "JURY27-"),
        read("assignments", format!("/gestion/{code}/affectations"), &page, "JURY27-"),
        read("decisions", format!("/gestion/{code}/decisions"), &page, "JURY27-"),
        read("decisions.csv", format!("/api/v1/calls/{code}/decisions.csv"), &api, "JURY27-"),
        read("call page", format!("/appels/{code}"), &anyone, "ALI-01"),
        read("home page", "/", &anyone, "Appel"),
        read("healthz", "/healthz", "", "ok"),
    ]);
    Ok(rows)
}

/// What was measured, and what it is compared with.
struct Table {
    lines: Vec<(String, Figures)>,
    against: BTreeMap<String, Vec<f64>>,
}

impl Table {
    fn new(args: &HttpArgs) -> Result<Self, String> {
        let mut against = BTreeMap::new();
        if let Some(path) = &args.against {
            let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            for line in text.lines().filter(|l| !l.starts_with('#')) {
                let mut parts = line.split('\t');
                let name = parts.next().unwrap_or_default().to_owned();
                against.insert(name, parts.filter_map(|p| p.parse().ok()).collect());
            }
        }
        println!(
            "{} dossiers, {}; 4 clients where nothing is said; {} s a row; client, program and database on one machine",
            args.dossiers, args.database, args.seconds
        );
        println!(
            "{:<26} {:>9} {:>9} {:>9} {:>6} {:>9} {:>8} {:>8}  against the earlier run: req/s, CPU",
            "", "req/s", "p50 ms", "p99 ms", "stmts", "bytes", "CPU ms", "peak MB"
        );
        Ok(Self { lines: Vec::new(), against })
    }

    fn measure(&mut self, server: &Server, row: &Row, args: &HttpArgs) -> Result<(), String> {
        if !row.name.contains(&args.only) {
            return Ok(());
        }
        let plain: Vec<&str> = row.headers.lines().filter(|l| !l.starts_with("Accept-Encoding")).collect();
        let plain = ask(PORT, "GET", &row.path, &plain.join("\n"), "")?;
        let text = String::from_utf8_lossy(&plain.body);
        if plain.status != row.status || !text.contains(row.says) {
            return Err(format!("{}: {} without « {} »: {:.300}", row.name, plain.status, row.says, text));
        }
        let bytes = ask(PORT, "GET", &row.path, &row.headers, "")?.body.len();
        load(row, 1)?;
        server.forget_peak();
        let (statements, cpu) = (statements(), server.cpu());
        let loaded = load(row, args.seconds)?;
        let done = loaded.requests.max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a number of bytes, to be printed")]
        let figures = Figures {
            per_second: loaded.per_second,
            p50_ms: loaded.p50_ms,
            p99_ms: loaded.p99_ms,
            failed: loaded.failed,
            statements: (self::statements() - statements) / done,
            bytes: bytes as f64,
            cpu_ms: (server.cpu() - cpu) * 1000.0 / done,
            peak_mb: server.peak(),
        };
        self.print(row.name, &figures);
        self.lines.push((row.name.to_owned(), figures));
        Ok(())
    }

    fn print(&self, name: &str, f: &Figures) {
        let mut line = format!(
            "{name:<26} {:>9.0} {:>9.2} {:>9.2} {:>6.1} {:>9.0} {:>8.2} {:>8.0}",
            f.per_second, f.p50_ms, f.p99_ms, f.statements, f.bytes, f.cpu_ms, f.peak_mb
        );
        if let Some(before) = self.against.get(name)
            && let (Some(per_second), Some(cpu)) = (before.first(), before.get(5))
        {
            let _ = write!(line, "  × {:.2}, × {:.2}", f.per_second / per_second, f.cpu_ms / cpu);
        }
        if f.failed > 0.0 {
            let _ = write!(line, "  {} FAILED", f.failed);
        }
        println!("{line}");
    }

    fn end(&self, args: &HttpArgs) -> Result<(), String> {
        let mut text = String::from("# row, req/s, p50 ms, p99 ms, statements, bytes, CPU ms, peak MB, failed\n");
        for (name, figures) in &self.lines {
            let numbers: Vec<String> = figures.list().iter().map(|n| format!("{n:.3}")).collect();
            let _ = writeln!(text, "{name}\t{}", numbers.join("\t"));
        }
        fs::write(&args.write, text).map_err(|e| format!("{}: {e}", args.write.display()))?;
        eprintln!("written to {}; give it to --against", args.write.display());
        Ok(())
    }
}

/// Statements that the program sent so far, by its own count.
fn statements() -> f64 {
    let Ok(answer) = ask(METRICS, "GET", "/metrics", "", "") else { return 0.0 };
    let text = String::from_utf8_lossy(&answer.body);
    let line = text.lines().find_map(|l| l.strip_prefix("ami_database_queries_total ")).unwrap_or_default();
    line.trim().parse().unwrap_or(0.0)
}

struct Loaded {
    requests: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    failed: f64,
}

/// Asks for a row again and again, by `wrk`.
fn load(row: &Row, seconds: u64) -> Result<Loaded, String> {
    let mut wrk = Command::new("wrk");
    let threads = if row.clients < 8 { "1" } else { "2" };
    wrk.args(["-t", threads, "-c", &row.clients.to_string(), "-d", &format!("{seconds}s"), "--latency"]);
    for header in row.headers.lines() {
        wrk.args(["-H", header]);
    }
    if let Some(script) = &row.script {
        wrk.arg("-s").arg(script);
    }
    let out = run(wrk.arg(format!("http://localhost:{PORT}{}", row.path)))?;
    let after = |start: &str| {
        let line = out.lines().map(str::trim).find_map(|l| l.strip_prefix(start));
        line.map(|l| l.trim().to_owned()).unwrap_or_default()
    };
    let number = |text: &str| text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    let requests = out.lines().find_map(|l| l.trim().split_once(" requests in ").map(|(n, _)| number(n)));
    Ok(Loaded {
        requests: requests.unwrap_or(0.0),
        per_second: number(&after("Requests/sec:")),
        p50_ms: milliseconds(&after("50%")),
        p99_ms: milliseconds(&after("99%")),
        failed: number(&after("Non-2xx or 3xx responses:")),
    })
}

fn milliseconds(text: &str) -> f64 {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "us" => 0.001,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => 1.0,
    };
    number.parse::<f64>().unwrap_or(0.0) * factor
}
