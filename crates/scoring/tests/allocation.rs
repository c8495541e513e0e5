//! Allocation over lots: the cap, preferences, reserve, envelope, the optimum against every possibility, and what moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{Allocation, AllocationError, AllocationSpec, Bid, Lot, Rational, Step, Vacancy};
use proptest::prelude::*;

fn bid(candidate: &str, lot: &str, rank: usize, total: i64, preference: u32, cost: u64) -> Bid {
    Bid { candidate: candidate.into(), lot: lot.into(), rank, total: Rational::from(total), preference, cost }
}

fn lot(code: &str) -> Lot {
    Lot { code: code.into(), places: 100 }
}

/// X is first on four lots with a cap of three; nobody wants L5.
fn spec() -> AllocationSpec {
    let mut bids = Vec::new();
    for (lot, preference) in [("L1", 4), ("L2", 1), ("L3", 2), ("L4", 3)] {
        bids.push(bid("X", lot, 1, 80, preference, 1_000));
    }
    bids.extend([bid("Y", "L1", 2, 70, 1, 900), bid("Z", "L1", 3, 60, 1, 800), bid("Y", "L2", 2, 75, 2, 900)]);
    let lots = ["L1", "L2", "L3", "L4", "L5"].map(lot).to_vec();
    AllocationSpec { lots, bids, cap: 3, reserve: 2, envelope: None }
}

fn laureates(allocation: &Allocation) -> Vec<Option<&str>> {
    allocation.lots.iter().map(|lot| lot.laureate.as_deref()).collect()
}

#[test]
fn a_candidate_above_the_cap_keeps_what_it_prefers() {
    let found = spec().by_rank().unwrap();
    assert_eq!(laureates(&found), [Some("Y"), Some("X"), Some("X"), Some("X"), None]);
    assert_eq!(found.lots[4].vacancy, Some(Vacancy::NoCandidate));
    assert_eq!(found.lots[0].reserve, ["Z"]);
    assert_eq!(found.lots[1].reserve, ["Y"]);
    assert_eq!((found.places, found.places_to_cover, found.cost), (400, 500, 3_900));
    let back =
        Step::GivenBack { lot: "L1".into(), candidate: "X".into(), kept: vec!["L2".into(), "L3".into(), "L4".into()] };
    assert!(found.steps.contains(&back));
    assert!(back.french().contains("laisse le lot L1"));
}

#[test]
fn a_withdrawal_shows_who_moves() {
    let spec = spec();
    let (before, after) = (spec.by_rank().unwrap(), spec.without("X", Some("L2")).by_rank().unwrap());
    let moves: Vec<_> = before
        .moves(&after)
        .into_iter()
        .map(|change| (change.lot, change.before.unwrap(), change.after.unwrap()))
        .collect();
    assert_eq!(moves, [("L1".into(), "Y".into(), "X".into()), ("L2".to_owned(), "X".to_owned(), "Y".to_owned())]);
}

#[test]
fn the_envelope_goes_to_the_best_totals_first() {
    let spec = AllocationSpec { envelope: Some(3_500), ..spec() };
    let found = spec.by_rank().unwrap();
    assert_eq!(laureates(&found), [None, Some("X"), Some("X"), Some("X"), None]);
    assert_eq!(found.lots[0].vacancy, Some(Vacancy::Unfunded));
    assert!(found.steps.contains(&Step::Unfunded { lot: "L1".into(), candidate: "Y".into(), missing: 400 }));
    // Within the same envelope no more can be covered, nor for a higher total.
    let best = spec.best().unwrap();
    assert_eq!((best.places, best.total), (300, Rational::from(240u32)));
}

#[test]
fn what_does_not_hold_together_is_refused() {
    let mut twice = spec();
    twice.lots.push(lot("L1"));
    assert_eq!(twice.by_rank(), Err(AllocationError::DuplicateLot("L1".into())));
    let mut unknown = spec();
    unknown.bids.push(bid("X", "L9", 1, 1, 1, 1));
    assert_eq!(unknown.best(), Err(AllocationError::UnknownLot("L9".into())));
    let mut again = spec();
    again.bids.push(bid("X", "L1", 5, 1, 1, 1));
    assert!(matches!(again.by_rank(), Err(AllocationError::DuplicateBid { .. })));
    let nothing = AllocationSpec { lots: Vec::new(), bids: Vec::new(), cap: 0, reserve: 0, envelope: Some(0) };
    assert_eq!(nothing.by_rank(), nothing.best());
}

/// Places covered and sum of totals of the best choice, by trying them all.
fn exhaustive(spec: &AllocationSpec) -> (u64, Rational) {
    fn go(spec: &AllocationSpec, lot: usize, taken: &mut Vec<usize>, best: &mut (u64, Rational)) {
        let Some(current) = spec.lots.get(lot) else {
            let cost: u64 = taken.iter().map(|at| spec.bids[*at].cost).sum();
            let over = taken.iter().any(|at| {
                taken.iter().filter(|other| spec.bids[**other].candidate == spec.bids[*at].candidate).count() > spec.cap
            });
            if !over && spec.envelope.is_none_or(|envelope| cost <= envelope) {
                let places = taken
                    .iter()
                    .map(|at| u64::from(spec.lots.iter().find(|l| l.code == spec.bids[*at].lot).unwrap().places));
                let value = (places.sum(), taken.iter().map(|at| &spec.bids[*at].total).sum());
                if value > *best {
                    *best = value;
                }
            }
            return;
        };
        go(spec, lot + 1, taken, best);
        for at in (0..spec.bids.len()).filter(|at| spec.bids[*at].lot == current.code) {
            taken.push(at);
            go(spec, lot + 1, taken, best);
            taken.pop();
        }
    }
    let mut best = (0, Rational::ZERO);
    go(spec, 0, &mut Vec::new(), &mut best);
    best
}

fn random() -> impl Strategy<Value = AllocationSpec> {
    let bids = proptest::collection::btree_map((0usize..4, 0usize..5), (1i64..100, 1u32..6, 1u64..50), 0..14);
    (bids, proptest::collection::vec(1u32..4, 5), 0usize..4, proptest::option::of(0u64..150)).prop_map(
        |(bids, places, cap, envelope)| {
            let lots =
                places.iter().enumerate().map(|(n, places)| Lot { code: format!("L{n}"), places: *places }).collect();
            let mut bids: Vec<Bid> = bids
                .into_iter()
                .map(|((c, l), (total, preference, cost))| {
                    bid(&format!("C{c}"), &format!("L{l}"), 0, total, preference, cost)
                })
                .collect();
            let all = bids.clone();
            for bid in &mut bids {
                bid.rank = 1 + all.iter().filter(|other| other.lot == bid.lot && other.total > bid.total).count();
            }
            AllocationSpec { lots, bids, cap, reserve: 2, envelope }
        },
    )
}

proptest! {
    #[test]
    fn the_best_allocation_is_the_best_of_all(spec in random()) {
        let best = spec.best().unwrap();
        prop_assert_eq!((best.places, best.total), exhaustive(&spec));
    }

    #[test]
    fn the_rules_are_kept_and_nobody_has_a_just_complaint(spec in random()) {
        let spec = AllocationSpec { envelope: None, ..spec };
        let found = spec.by_rank().unwrap();
        let held = |candidate: &str| found.lots.iter().filter(|lot| lot.laureate.as_deref() == Some(candidate)).count();
        for bid in &spec.bids {
            prop_assert!(held(&bid.candidate) <= spec.cap);
            let lot = found.lots.iter().find(|lot| lot.lot == bid.lot).unwrap();
            let laureate = lot.laureate.as_ref().map(|id| spec.bids.iter().find(|b| b.lot == bid.lot && b.candidate == *id).unwrap());
            // Better placed than the laureate: then it holds a full cap of lots that it likes at least as much.
            if laureate.is_none_or(|laureate| bid.rank < laureate.rank) {
                let preferred = spec.bids.iter().filter(|b| {
                    b.candidate == bid.candidate
                        && b.preference <= bid.preference
                        && found.lots.iter().any(|lot| lot.lot == b.lot && lot.laureate.as_ref() == Some(&b.candidate))
                });
                prop_assert_eq!(preferred.count(), spec.cap);
            }
        }
        let mut turned = spec.clone();
        turned.bids.reverse();
        prop_assert_eq!(turned.by_rank().unwrap(), found);
    }
}
