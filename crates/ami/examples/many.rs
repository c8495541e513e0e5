//! Fills an empty database with a large call, for measuring: the demonstration, whose call in marking then grows to as many
//! dossiers as are asked for, with twenty jurors and five signed sheets on each.
//!
//! `cargo run --package ami --example many -- --database-url URL --data FOLDER --dossiers 400`
//!
//! Rows are written directly, without their journal: never a database that anybody needs. Prints what a benchmark asks for, a
//! name and a value a line.

use std::path::PathBuf;

use ami::demo_data::{self, Accounts, MARKING, PASSWORD};
use ami::server::{self, Outcome};
use ami_domain::deposit::{Content, sha256_hex};
use ami_services::installation::Outgoing;
use ami_services::{App, Clock, Settings};
use ami_storage::{Scanner, Secret};
use clap::Parser;
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, DbBackend, Statement, TransactionTrait as _, Value};
use uuid::Uuid;

#[derive(Debug, Parser)]
struct Args {
    /// `sqlite://…` or `postgres://…`, empty.
    #[arg(long)]
    database_url: String,
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    /// Dossiers of the call in the end.
    #[arg(long, default_value_t = 400)]
    dossiers: usize,
    /// Dossiers that have sheets, at most: each brings ninety marks.
    #[arg(long, default_value_t = 2000)]
    marked: usize,
}

const JURORS: usize = 20;
const SHEETS: usize = 5;
/// Sheets that are left open, for those who save at the same time.
const OPEN: usize = 100;
/// Rows of one statement.
const ROWS: usize = 400;

fn main() -> Outcome<()> {
    rocket::async_main(fill(Args::parse()))
}

async fn fill(args: Args) -> Outcome<()> {
    std::fs::create_dir_all(&args.data)?;
    let config = ami::config::Checked {
        database_url: Secret::new(args.database_url.clone()),
        data: args.data.clone(),
        storage: None,
        public_url: "http://127.0.0.1:8000".into(),
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 8000,
        signing_keys: None,
        smtp_url: None,
        mail_from: "ami <ne-pas-repondre@localhost.example>".into(),
        outbox: Outgoing::Resumed,
        scanner: Scanner::none(),
        metrics: None,
    };
    let settings = Settings { public_url: config.public_url.clone(), confirm_email: true, demonstration: false };
    let running = server::open(&config, Clock::system(), settings).await?;
    demo_data::load(&running.app, &Accounts::all(), false).await?;
    if let Some(embedded) = running.embedded {
        embedded.stop().await;
    }
    let connection = Database::connect(&args.database_url).await?;
    let tx = connection.begin().await?;
    Filling::begin(tx, running.app).await?.fill(&args).await?;
    if connection.get_database_backend() == DbBackend::Postgres {
        // As autovacuum would within a minute.
        connection.execute_unprepared("VACUUM ANALYZE").await?;
    } else {
        connection.execute_unprepared("ANALYZE").await?;
        connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    }
    Ok(())
}

/// A dossier of the demonstration, of which the others are copies under names of their own.
struct Pattern {
    call: Uuid,
    officer: Uuid,
    at: i64,
    content: Content,
    legal_form: String,
    lots: Vec<String>,
    criteria: Vec<String>,
    prefix: String,
    password: String,
}

struct Filling {
    app: App,
    tx: DatabaseTransaction,
    sqlite: bool,
    pattern: Pattern,
}

/// Text as SQL.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Digits that pass for a SIRET: the last one is Luhn's.
fn siret(number: usize) -> String {
    let digits = format!("{:013}", 9_000_000_000_000_u64 + u64::try_from(number).unwrap_or(0));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let doubled = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

impl Filling {
    async fn begin(tx: DatabaseTransaction, app: App) -> Outcome<Self> {
        let sqlite = tx.get_database_backend() == DbBackend::Sqlite;
        let sql = "SELECT c.id AS call, o.account_id AS officer, p.deposited_at AS at, p.content AS content, \
                   p.legal_form AS legal_form, v.definition AS definition, \
                   (SELECT password_hash FROM accounts WHERE email = 'jure1@demonstration.example') AS password \
                   FROM calls c JOIN call_versions v ON v.call_id = c.id AND v.version = c.version \
                   JOIN officers o ON o.call_id = c.id JOIN dossiers d ON d.call_id = c.id \
                   JOIN deposits p ON p.id = d.deposit_id WHERE c.code = $1 AND d.state = 'admissible' ORDER BY d.number LIMIT 1";
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [Value::from(MARKING)]);
        let row = tx.query_one_raw(statement).await?.ok_or("no demonstration")?;
        let definition: ami_domain::call::CallDefinition =
            serde_json::from_str(&row.try_get::<String>("", "definition")?)?;
        let pattern = Pattern {
            call: row.try_get("", "call")?,
            officer: row.try_get("", "officer")?,
            at: row.try_get("", "at")?,
            content: serde_json::from_str(&row.try_get::<String>("", "content")?)?,
            legal_form: row.try_get("", "legal_form")?,
            lots: definition.lots.iter().map(|l| l.code.clone()).collect(),
            criteria: definition.grid.criteria().map(|c| c.code.clone()).collect(),
            prefix: definition.number_prefix.clone(),
            password: row.try_get("", "password")?,
        };
        Ok(Self { app, tx, sqlite, pattern })
    }

    /// An id, in order of time.
    fn fresh(&self) -> Uuid {
        self.app.now().id()
    }

    fn id(&self, id: Uuid) -> String {
        if self.sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
    }

    async fn insert(&self, into: &str, rows: Vec<String>) -> Outcome<()> {
        for rows in rows.chunks(ROWS) {
            self.tx.execute_unprepared(&format!("INSERT INTO {into} VALUES {}", rows.join(","))).await?;
        }
        Ok(())
    }

    async fn fill(self, args: &Args) -> Outcome<()> {
        let seats = self.seats().await?;
        let count = "SELECT count(*) AS n FROM dossiers WHERE call_id = $1";
        let backend = self.tx.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, count, [Value::from(self.pattern.call)]);
        let there: i64 = self.tx.query_one_raw(statement).await?.ok_or("no count")?.try_get("", "n")?;
        let there = usize::try_from(there)?;
        let mut numbers: Vec<usize> = (there + 1..=args.dossiers).collect();
        let mut open = Vec::new();
        let mut first = None;
        while !numbers.is_empty() {
            let rest = numbers.split_off(numbers.len().min(ROWS));
            let dossiers = self.dossiers(&numbers).await?;
            first = first.or_else(|| dossiers.first().copied());
            let marked: Vec<_> = dossiers.into_iter().zip(&numbers).filter(|(_, n)| **n <= args.marked).collect();
            self.sheets(&seats, &marked, &mut open).await?;
            numbers = rest;
        }
        let last = args.dossiers.max(there);
        let call = self.id(self.pattern.call);
        let counter = format!("UPDATE counters SET value = {last} WHERE call_id = {call} AND name = 'dossiers'");
        self.tx.execute_unprepared(&counter).await?;
        println!("call {MARKING}");
        println!("password {PASSWORD}");
        println!("officer agent@demonstration.example");
        println!("dossier {}", first.ok_or("nothing was to be added")?);
        for (seat, sheet) in open {
            println!("open {} {sheet}", juror(seat));
        }
        Ok(self.tx.commit().await?)
    }

    /// The seats of the call, twenty of them; the demonstration has nine.
    async fn seats(&self) -> Outcome<Vec<Uuid>> {
        let Pattern { call, at, password, .. } = &self.pattern;
        let known = "SELECT id, label FROM seats WHERE call_id = $1";
        let statement = Statement::from_sql_and_values(self.tx.get_database_backend(), known, [Value::from(*call)]);
        let mut seats = Vec::new();
        for row in self.tx.query_all_raw(statement).await? {
            seats.push((row.try_get::<String>("", "label")?, row.try_get::<Uuid>("", "id")?));
        }
        seats.sort();
        let (mut accounts, mut rows) = (Vec::new(), Vec::new());
        for n in seats.len()..JURORS {
            let (account, seat) = (self.fresh(), self.fresh());
            accounts.push(format!(
                "({}, {}, 'Membre du jury {}', {}, {at}, FALSE, {at}, NULL)",
                self.id(account),
                text(&juror(n)),
                n + 1,
                text(password)
            ));
            rows.push(format!(
                "({}, {}, {}, 'J{}', 'qualified', 'deliberative', FALSE, {at}, {at}, {at})",
                self.id(seat),
                self.id(*call),
                self.id(account),
                n + 1
            ));
            seats.push((format!("J{}", n + 1), seat));
        }
        let columns = "(id, email, name, password_hash, email_confirmed_at, administrator, created_at, disabled_at)";
        self.insert(&format!("accounts {columns}"), accounts).await?;
        let columns = "(id, call_id, account_id, label, college, voice, chair, declared_at, created_at, accepted_at)";
        self.insert(&format!("seats {columns}"), rows).await?;
        Ok(seats.into_iter().map(|(_, id)| id).collect())
    }

    /// Organisations with one admissible dossier each.
    async fn dossiers(&self, numbers: &[usize]) -> Outcome<Vec<Uuid>> {
        let Pattern { call, officer, at, content, legal_form, lots, prefix, .. } = &self.pattern;
        let (call, officer, form) = (self.id(*call), self.id(*officer), text(legal_form));
        let (mut organisations, mut dossiers, mut deposits, mut ids) = (vec![], vec![], vec![], vec![]);
        for n in numbers {
            let (organisation, id, deposit) = (self.fresh(), self.fresh(), self.fresh());
            let (name, siret, lot) = (format!("Association n° {n}"), siret(*n), &lots[n % lots.len()]);
            let filed = Content {
                number: format!("{prefix}-{n:04}"),
                lot: lot.clone(),
                organisation: name.clone(),
                siret: siret.clone(),
                organisation_id: Some(organisation.into()),
                ..content.clone()
            };
            let sealed = filed.bytes()?;
            let (organisation, name, siret) = (self.id(organisation), text(&name), text(&siret));
            organisations.push(format!("({organisation}, {name}, {siret}, NULL, {form}, {at}, {officer})"));
            dossiers.push(format!(
                "({}, {call}, {organisation}, {}, {n}, 'admissible', 2, 1, {at}, {officer}, {at})",
                self.id(id),
                text(lot)
            ));
            deposits.push(format!(
                "({}, {}, 1, {at}, {officer}, {}, '{}', {}, {organisation}, {name}, {siret}, {form}, NULL)",
                self.id(deposit),
                self.id(id),
                text(&sealed),
                sha256_hex(sealed.as_bytes()),
                content.call_version
            ));
            ids.push(id);
        }
        let columns = "(id, name, siret, rna, legal_form, created_at, created_by)";
        self.insert(&format!("organisations {columns}"), organisations).await?;
        let columns = "(id, call_id, organisation_id, lot, number, state, revision, answers_revision, created_at, \
                       created_by, deposited_at)";
        self.insert(&format!("dossiers {columns}"), dossiers).await?;
        let columns = "(id, dossier_id, version, deposited_at, deposited_by, content, content_sha256, call_version, \
                       organisation_id, organisation, siret, legal_form, rna)";
        self.insert(&format!("deposits {columns}"), deposits).await?;
        // The two tables name each other.
        let set = "UPDATE dossiers SET deposit_id = (SELECT p.id FROM deposits p WHERE p.dossier_id = dossiers.id) \
                   WHERE deposit_id IS NULL AND state = 'admissible'";
        self.tx.execute_unprepared(set).await?;
        Ok(ids)
    }

    /// Five signed sheets on each, and on some an open one more.
    async fn sheets(&self, seats: &[Uuid], dossiers: &[(Uuid, &usize)], open: &mut Vec<(usize, Uuid)>) -> Outcome<()> {
        let at = self.pattern.at;
        let officer = self.id(self.pattern.officer);
        let (mut sheets, mut marks) = (vec![], vec![]);
        for (dossier, n) in dossiers {
            for k in 0..SHEETS {
                let sheet = self.fresh();
                let seat = (*n + k * 3) % JURORS;
                sheets.push(format!(
                    "({}, {}, {}, 'locked', 2, {at}, {officer}, NULL, {at}, {at})",
                    self.id(sheet),
                    self.id(seats[seat]),
                    self.id(*dossier)
                ));
                for (c, criterion) in self.pattern.criteria.iter().enumerate() {
                    let mark = 1 + (*n * 7 + seat * 13 + c * 5 + *n * c) % 4;
                    marks.push(format!("({}, {}, {mark}, '', {at})", self.id(sheet), text(criterion)));
                }
            }
            if open.len() < OPEN {
                let (seat, sheet) = ((*n + 1) % JURORS, self.fresh());
                sheets.push(format!(
                    "({}, {}, {}, 'draft', 0, {at}, {officer}, NULL, {at}, NULL)",
                    self.id(sheet),
                    self.id(seats[seat]),
                    self.id(*dossier)
                ));
                open.push((seat, sheet));
            }
        }
        let columns = "(id, seat_id, dossier_id, state, revision, assigned_at, assigned_by, removed_at, updated_at, \
                       locked_at)";
        self.insert(&format!("sheets {columns}"), sheets).await?;
        self.insert("marks (sheet_id, criterion, mark, comment, updated_at)", marks).await
    }
}

/// The address of the juror at a place.
fn juror(seat: usize) -> String {
    format!("jure{}@demonstration.example", seat + 1)
}
