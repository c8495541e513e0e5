//! One table: time, time per mark and, where reference times are given, how many times faster.
//!
//! `AMI_REFERENCE` names a JSON file `{"what at size": seconds}`, as `reference.py` prints; `cargo xtask bench` does both.

#![expect(clippy::expect_used, reason = "a benchmark")]

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ami_scoring::{
    Acceptability, Draws, Marks, Metric, Ranking, Ratings, Rational, WeightDraw, additive_model, intraclass, kendall_w,
    krippendorff_alpha, rank,
};
use common::{SIZES, Size, marks};

/// The best of several runs: what the machine can do when nothing else disturbs it.
fn best<T>(mut run: impl FnMut() -> T) -> Duration {
    let started = Instant::now();
    let mut least = Duration::MAX;
    let mut runs = 0;
    while runs < 3 || (runs < 200 && started.elapsed() < Duration::from_secs(2)) {
        let start = Instant::now();
        black_box(run());
        least = least.min(start.elapsed());
        runs += 1;
    }
    least
}

struct Table {
    references: BTreeMap<String, f64>,
}

impl Table {
    fn line(&self, what: &str, size: &str, marks: usize, time: Duration) {
        let seconds = time.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a number of marks")]
        let each = seconds * 1e9 / marks as f64;
        let reference = self.references.get(&format!("{what} at {size}"));
        let (shown, ratio) = reference.map_or_else(
            || ("–".to_owned(), "–".to_owned()),
            |reference| (format!("{:.3} ms", reference * 1e3), format!("{:.1}×", reference / seconds)),
        );
        println!("{what:<34} {size:>18} {:>12.3} ms {each:>10.2} ns/mark {shown:>14} {ratio:>9}", seconds * 1e3);
    }
}

fn means(ranking: &Ranking) -> Vec<Vec<f64>> {
    let row =
        |d: ami_scoring::RankedDossier<'_>| d.criteria().map(|c| c.mean().map_or(0.0, Rational::to_f64)).collect();
    ranking.dossiers().map(row).collect()
}

fn sparse(table: &Table, size: Size, marks: &Marks) {
    let (name, count) = (size.name(), marks.count());
    table.line("official ranking, whole derivation", &name, count, best(|| rank(marks)));
    let criteria: Vec<Ratings> = (0..size.criteria).map(|criterion| Ratings::of_criterion(marks, criterion)).collect();
    let per_criterion = count / size.criteria;
    table.line("alpha, a criterion", &name, per_criterion, best(|| krippendorff_alpha(&criteria[0], Metric::Interval)));
    let totals = Ratings::of_totals(marks);
    table.line("alpha, totals", &name, per_criterion, best(|| krippendorff_alpha(&totals, Metric::Interval)));
    table.line(
        "alpha, totals, from the marks",
        &name,
        count,
        best(|| krippendorff_alpha(&Ratings::of_totals(marks), Metric::Interval)),
    );
    table.line("additive model", &name, per_criterion, best(|| additive_model(&totals)));
    if size.dossiers <= 10_000 {
        let means = means(&rank(marks));
        let draws = Draws { count: 10_000, seed: 1, threads: 0 };
        let run = || Acceptability::new(&means, marks.grid().weights(), WeightDraw::Simplex, 1, draws);
        table.line("SMAA, 10000 draws, all ranks", &name, count, best(run));
    }
}

fn complete(table: &Table, dossiers: usize, jurors: usize) {
    let size = Size { dossiers, jurors, criteria: 3, each: jurors };
    let marks = marks(size);
    let (name, ratings) = (format!("{dossiers}×{jurors} full"), Ratings::of_totals(&marks));
    table.line("ICC with intervals", &name, ratings.values(), best(|| intraclass(&ratings)));
    table.line("Kendall's W", &name, ratings.values(), best(|| kendall_w(&ratings)));
}

/// The most memory this process has held, where the system says it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn main() {
    let references = std::env::var_os("AMI_REFERENCE")
        .map(|path| std::fs::read_to_string(path).expect("the reference times"))
        .map(|text| serde_json::from_str(&text).expect("reference times in JSON"))
        .unwrap_or_default();
    let table = Table { references };
    println!("{:<34} {:>18} {:>15} {:>18} {:>14} {:>9}", "what", "size", "time", "per mark", "reference", "ratio");
    for size in SIZES.into_iter().filter(|size| size.dossiers <= 10_000) {
        sparse(&table, size, &marks(size));
    }
    complete(&table, 400, 20);
    complete(&table, 10_000, 20);
    // Last, so that the peak is its own.
    let largest = SIZES[SIZES.len() - 1];
    sparse(&table, largest, &marks(largest));
    let size = largest.name();
    if let Some(bytes) = peak_bytes() {
        println!("peak memory at {size}: {} bytes a mark", bytes / largest.marks() as u64);
    }
}
