//! No panic, and no broken promise, on any grid and any marks: `cargo fuzz run ranking`.

#![no_main]

use ami_scoring::{
    Aggregation, Agreement, Breaker, Criterion, Direction, Draws, Grid, GridSpec, Group, Marks, Rational, Robustness,
    RobustnessSpec, Scale, Scope, Severity, Status, Threshold, rank,
};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    scale: (i32, i32, u8),
    min_jurors: u8,
    aggregation: u8,
    groups: Vec<(Option<u32>, Vec<u32>)>,
    thresholds: Vec<(u8, String)>,
    ties: Vec<(u8, bool)>,
    marks: Vec<(u8, u8, u8, u32)>,
    voices: Vec<(u8, u32)>,
    values: Vec<(u8, String)>,
}

fn read(input: &Input) -> Option<Marks> {
    let (min, max, step) = input.scale;
    let scale = Scale::new(i64::from(min).into(), i64::from(max).into(), u32::from(step).into()).ok()?;
    let code = |place: u8| if place % 2 == 0 { format!("g{}", place / 2 % 8) } else { format!("c{}", place / 2 % 16) };
    let mut count = 0;
    let groups = input.groups.iter().take(8).enumerate().map(|(at, (weight, criteria))| Group {
        code: format!("g{at}"),
        weight: *weight,
        criteria: criteria
            .iter()
            .take(8)
            .map(|weight| {
                count += 1;
                Criterion { code: format!("c{}", count - 1), weight: *weight }
            })
            .collect(),
        groups: Vec::new(),
    });
    let threshold = |(place, text): &(u8, String)| {
        let minimum: Rational = text.parse().ok()?;
        Some(match place % 3 {
            0 => Threshold::Total { minimum },
            1 => Threshold::Points { code: code(*place), minimum },
            _ => Threshold::Mean { code: code(*place | 1), minimum },
        })
    };
    let grid = Grid::new(GridSpec {
        scale,
        min_jurors: u32::from(input.min_jurors),
        aggregation: match input.aggregation % 4 {
            0 => Aggregation::Mean,
            1 => Aggregation::Median,
            2 => Aggregation::TrimmedMean { k: u32::from(input.aggregation / 4) },
            _ => Aggregation::VoiceMean,
        },
        groups: groups.collect(),
        thresholds: input.thresholds.iter().filter_map(threshold).collect(),
        ties: input
            .ties
            .iter()
            .map(|(place, lowest)| {
                let direction = if *lowest { Direction::Lowest } else { Direction::Highest };
                if place % 5 == 0 {
                    Breaker::Value { name: "value".into(), direction }
                } else {
                    Breaker::Points { code: code(*place), direction }
                }
            })
            .collect(),
    })
    .ok()?;
    let mut table = Marks::builder(grid.clone());
    for (juror, voice) in &input.voices {
        let _ = table.juror(&format!("J{}", juror % 16), *voice);
    }
    for (dossier, juror, criterion, steps) in &input.marks {
        if let Some(mark) = grid.scale().mark_at(*steps) {
            let (dossier, juror) = (format!("D{}", dossier % 32), format!("J{}", juror % 16));
            let _ = table.mark(&dossier, &juror, &format!("c{}", criterion % 64), mark);
        }
    }
    for (dossier, text) in &input.values {
        if let Ok(value) = text.parse() {
            let _ = table.value(&format!("D{}", dossier % 32), "value", value);
        }
    }
    Some(table.build())
}

fuzz_target!(|input: Input| {
    let Some(marks) = read(&input) else { return };
    let ranking = rank(&marks);
    for dossier in ranking.dossiers() {
        assert_eq!(dossier.rank().is_some(), dossier.status() == Status::Ranked);
        assert_eq!(dossier.eliminated_by().count() > 0, dossier.status() == Status::Eliminated);
        if let Some(total) = dossier.total() {
            let sum: Rational = dossier.criteria().filter_map(|criterion| criterion.points()).sum();
            assert_eq!(*total, sum);
            let _ = total.decimal(2, ',');
        }
    }
    let _ = serde_json::to_string(&ranking).map(|text| text.len());
    let _ = serde_json::to_string(&Agreement::new(&marks)).map(|text| text.len());
    let _ = serde_json::to_string(&Severity::new(&marks)).map(|text| text.len());
    let draws = Draws { count: 20, seed: 1, threads: 1 };
    for scope in [Scope::Ranked, Scope::Marked] {
        let spec = RobustnessSpec { draws, cut: 2, nearby: 0.2, scope };
        let _ = Robustness::new(&ranking, spec).map(|found| serde_json::to_string(&found).map(|text| text.len()));
    }
});
