//! Allocation and assignment keep their promises on anything they are given: `cargo fuzz run sharing`.

#![no_main]

use std::collections::BTreeMap;

use ami_scoring::{AllocationSpec, AssignableDossier, AssignableJuror, AssignmentSpec, Bid, Lot};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    lots: Vec<(u8, u8, u32)>,
    bids: Vec<(u8, u8, u8, i64, u8, u64)>,
    cap: u8,
    reserve: u8,
    envelope: Option<u64>,
    jurors: Vec<(u8, u8)>,
    dossiers: Vec<(u16, u16)>,
    per_dossier: u8,
    colleges: Vec<(u8, u8)>,
}

fuzz_target!(|input: Input| {
    allocate(&input);
    assign(&input);
});

fn allocate(input: &Input) {
    let bid = |(candidate, lot, rank, total, preference, cost): &(u8, u8, u8, i64, u8, u64)| Bid {
        candidate: format!("C{}", candidate % 8),
        lot: format!("L{}", lot % 8),
        rank: usize::from(*rank),
        total: (*total).into(),
        preference: u32::from(*preference),
        cost: *cost,
    };
    let spec = AllocationSpec {
        lots: input
            .lots
            .iter()
            .take(6)
            .map(|(code, laureates, places)| Lot {
                code: format!("L{}", code % 8),
                laureates: usize::from(laureates % 4),
                places: *places,
            })
            .collect(),
        bids: input.bids.iter().take(16).map(bid).collect(),
        cap: usize::from(input.cap % 4),
        reserve: usize::from(input.reserve % 4),
        envelope: input.envelope,
    };
    for found in [spec.by_rank(), spec.best()] {
        let Ok(found) = found else { continue };
        assert!(spec.envelope.is_none_or(|envelope| found.cost <= envelope));
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in &found.lots {
            let seats = spec.lots.iter().find(|lot| lot.code == outcome.lot).unwrap().laureates;
            assert!(outcome.laureates.len() <= seats);
            assert_eq!(outcome.laureates.len() < seats, outcome.vacancy.is_some());
            assert!(outcome.reserve.len() <= spec.reserve);
            for laureate in &outcome.laureates {
                assert!(spec.bids.iter().any(|bid| bid.candidate == *laureate && bid.lot == outcome.lot));
                assert!(!outcome.reserve.contains(laureate));
                *held.entry(laureate).or_default() += 1;
            }
        }
        assert!(held.values().all(|held| *held <= spec.cap));
        for step in &found.steps {
            let _ = step.french(str::to_owned);
        }
        if let Ok(after) = spec.without("C0", None).by_rank() {
            let _ = found.moves(&after);
        }
    }
}

fn assign(input: &Input) {
    let some = |bits: u16| (0..16).filter(move |at| bits >> at & 1 == 1).map(|at| format!("J{at}")).collect();
    let spec = AssignmentSpec {
        jurors: (0..)
            .zip(input.jurors.iter().take(16))
            .map(|(at, (college, most)): (u8, _)| AssignableJuror {
                id: format!("J{at}"),
                college: format!("K{}", college % 4),
                most: u32::from(*most),
            })
            .collect(),
        dossiers: (0..)
            .zip(input.dossiers.iter().take(24))
            .map(|(at, (recused, experts)): (u8, _)| AssignableDossier {
                id: format!("D{at}"),
                recused: some(*recused),
                experts: some(*experts),
                ..AssignableDossier::default()
            })
            .collect(),
        per_dossier: u32::from(input.per_dossier % 6),
        colleges: input
            .colleges
            .iter()
            .map(|(college, least)| (format!("K{}", college % 4), u32::from(least % 4)))
            .collect(),
    };
    let Ok(found) = spec.assign() else { return };
    for dossier in &spec.dossiers {
        let jurors = &found.dossiers[&dossier.id];
        assert_eq!(jurors.len(), spec.per_dossier as usize);
        assert!(jurors.is_disjoint(&dossier.recused));
        for (college, least) in &spec.colleges {
            let of = spec.jurors.iter().filter(|juror| juror.college == *college && jurors.contains(&juror.id)).count();
            assert!(of >= *least as usize);
        }
    }
    for juror in &spec.jurors {
        assert!(found.loads.get(&juror.id).is_none_or(|load| *load <= juror.most));
    }
}
