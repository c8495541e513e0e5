//! Times of each part at each size, for comparison from one change to the next: `cargo bench -p ami-scoring --bench scoring`.

#![expect(clippy::expect_used, reason = "a benchmark")]

mod common;

use std::hint::black_box;

use ami_scoring::{Acceptability, Draws, Metric, Ratings, WeightDraw, additive_model, krippendorff_alpha, rank};
use common::{SIZES, marks};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn every_size(c: &mut Criterion) {
    for size in SIZES {
        let marks = marks(size);
        let totals = Ratings::of_totals(&marks);
        let mut group = c.benchmark_group(size.name());
        group.sample_size(10).throughput(Throughput::Elements(size.marks() as u64));
        group.bench_function("official", |b| b.iter(|| rank(black_box(&marks))));
        for (name, metric) in [("interval", Metric::Interval), ("ordinal", Metric::Ordinal)] {
            let id = BenchmarkId::new("alpha on totals", name);
            group.bench_function(id, |b| b.iter(|| krippendorff_alpha(black_box(&totals), metric)));
        }
        group.bench_function("alpha on a criterion", |b| {
            b.iter(|| krippendorff_alpha(&Ratings::of_criterion(black_box(&marks), 0), Metric::Interval));
        });
        if size.jurors <= 200 {
            group.bench_function("additive model", |b| b.iter(|| additive_model(black_box(&totals))));
        }
        if size.dossiers <= 400 {
            let ranking = rank(&marks);
            let means: Vec<Vec<f64>> = ranking
                .dossiers()
                .map(|d| {
                    d.criteria().map(|criterion| criterion.mean().map_or(0.0, ami_scoring::Rational::to_f64)).collect()
                })
                .collect();
            let draws = Draws { count: 10_000, seed: 1, threads: 0 };
            group.bench_function("SMAA, 10,000 draws", |b| {
                b.iter(|| Acceptability::new(&means, marks.grid().weights(), WeightDraw::Simplex, 1, draws));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, every_size);
criterion_main!(benches);
