//! Juries made by a seeded generator, the same in every benchmark.

use std::sync::Arc;

use ami_scoring::{Aggregation, Breaker, Criterion, Grid, GridSpec, Group, Marks, Rational, Scale, Threshold};

/// A jury's size.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// How many dossiers.
    pub(crate) dossiers: usize,
    /// How many jurors.
    pub(crate) jurors: usize,
    /// How many criteria.
    pub(crate) criteria: usize,
    /// How many jurors mark a dossier.
    pub(crate) each: usize,
}

/// The sizes that the product is asked to hold.
pub(crate) const SIZES: [Size; 4] = [
    Size { dossiers: 12, jurors: 5, criteria: 8, each: 5 },
    Size { dossiers: 400, jurors: 20, criteria: 12, each: 5 },
    Size { dossiers: 10_000, jurors: 200, criteria: 15, each: 5 },
    Size { dossiers: 100_000, jurors: 1_000, criteria: 15, each: 5 },
];

impl Size {
    /// As the tables print it.
    pub(crate) fn name(&self) -> String {
        format!("{}×{}×{}", self.dossiers, self.jurors, self.criteria)
    }

    /// How many marks there are.
    pub(crate) fn marks(&self) -> usize {
        self.dossiers * self.each * self.criteria
    }
}

/// Steele, Lea & Flood's generator.
struct Generator(u64);

impl Generator {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(z ^ (z >> 31)).unwrap_or(0) % below
    }
}

/// Marks from 0 to 5: each dossier has a level, each juror a severity. The grid has groups, thresholds and breakers.
pub(crate) fn marks(size: Size) -> Marks {
    let mut random = Generator(20_270_111);
    let code = |at: usize| format!("{}{}", char::from(b'A' + u8::try_from(at / 3).unwrap_or(0)), at % 3 + 1);
    let all: Vec<Criterion> = (0..size.criteria)
        .map(|at| Criterion { code: code(at), weight: u32::try_from(4 + at % 5).unwrap_or(4) })
        .collect();
    let groups = all.chunks(3).map(|criteria| Group {
        code: criteria[0].code[..1].to_owned(),
        criteria: criteria.to_vec(),
        ..Group::default()
    });
    let grid = Grid::new(GridSpec {
        scale: Scale::integers(0, 5).expect("a scale"),
        min_jurors: 3,
        aggregation: Aggregation::Mean,
        groups: groups.clone().collect(),
        thresholds: vec![
            Threshold::Total { minimum: Rational::from(30u32) },
            Threshold::Points { code: "A".into(), minimum: Rational::from(4u32) },
            Threshold::Mean { code: "A2".into(), minimum: Rational::from(1u32) },
        ],
        ties: groups.map(|group| Breaker::points(group.code)).collect(),
    });
    let grid = Arc::new(grid.expect("a grid"));
    let mut table = Marks::builder(grid.clone());
    let jurors: Vec<(String, usize)> = (0..size.jurors).map(|at| (format!("J{at}"), random.below(3))).collect();
    let mut sheet = Vec::with_capacity(size.criteria);
    for dossier in 0..size.dossiers {
        let (id, level, first) = (format!("D{dossier}"), random.below(4), random.below(size.jurors));
        // Jurors a step apart; a full design takes them all.
        let step = if size.each == size.jurors { 1 } else { 1 + dossier % 3 };
        for at in 0..size.each {
            let (juror, lenient) = &jurors[(first + at * step) % size.jurors];
            sheet.clear();
            sheet.extend((0..size.criteria).map(|_| {
                let steps = (level + lenient + random.below(3)).saturating_sub(1).min(5);
                grid.scale().mark_at(u32::try_from(steps).unwrap_or(0))
            }));
            table.sheet(&id, juror, &sheet).expect("a juror once");
        }
    }
    table.build()
}
