//! Allocation over lots: the cap, preferences, reserve, envelope, the optimum against every possibility, and what moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ami_scoring::{Allocation, AllocationError, AllocationSpec, Bid, Lot, Rational, Step, Vacancy};
use proptest::prelude::*;

fn bid(candidate: &str, lot: &str, rank: usize, total: i64, preference: u32, cost: u64) -> Bid {
    Bid { candidate: candidate.into(), lot: lot.into(), rank, total: Rational::from(total), preference, cost }
}

fn lot(code: &str) -> Lot {
    Lot { code: code.into(), laureates: 1, places: 100 }
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
    allocation.lots.iter().map(|lot| lot.laureates.first().map(String::as_str)).collect()
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
    assert!(back.french(str::to_owned).contains("laisse le lot L1"));
}

#[test]
fn a_withdrawal_shows_who_moves() {
    let spec = spec();
    let (before, after) = (spec.by_rank().unwrap(), spec.without("X", Some("L2")).by_rank().unwrap());
    let moves: Vec<_> = before
        .moves(&after)
        .into_iter()
        .map(|change| (change.lot, change.before.join(" "), change.after.join(" ")))
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
fn a_lot_of_several_laureates_takes_its_best() {
    let lots = vec![Lot { code: "L1".into(), laureates: 2, places: 50 }];
    let bids = [("W", 4), ("X", 1), ("Y", 2), ("Z", 3)].map(|(who, rank)| bid(who, "L1", rank, 90, 1, 1)).to_vec();
    let found = AllocationSpec { lots, bids, cap: 1, reserve: 1, envelope: None }.by_rank().unwrap();
    assert_eq!((found.lots[0].laureates.join(" "), found.lots[0].reserve.join(" ")), ("X Y".into(), "Z".into()));
    assert_eq!((found.places, found.places_to_cover, found.lots[0].vacancy), (100, 100, None));
}

#[test]
fn a_tie_stops_its_lot_until_somebody_votes_and_no_name_decides() {
    let lots = vec![lot("L1"), lot("L2")];
    let bids = vec![bid("A", "L1", 1, 80, 1, 1), bid("B", "L1", 1, 80, 1, 1), bid("A", "L2", 1, 70, 2, 1)];
    let spec = AllocationSpec { lots, bids, cap: 2, reserve: 2, envelope: None };
    let found = spec.by_rank().unwrap();
    assert_eq!(laureates(&found), [None, Some("A")]);
    assert_eq!((found.lots[0].vacancy, &*found.lots[0].reserve), (Some(Vacancy::Tied), &[][..]));
    let tied = Step::Tied { lot: "L1".into(), rank: 1, candidates: vec!["A".into(), "B".into()], seats: 1 };
    assert!(found.steps.contains(&tied));
    assert!(tied.french(|who| format!("« {who} »")).contains("« A », « B » sont ex æquo"));
    // Two seats: nothing to vote on.
    let mut wide = spec.clone();
    wide.lots[0].laureates = 2;
    assert_eq!(wide.by_rank().unwrap().lots[0].laureates, ["A", "B"]);
    // One of them holds what it prefers, and may hold no more: the tie is no tie any more, whichever lot comes first.
    for turned in [false, true] {
        let mut capped = AllocationSpec { cap: 1, ..spec.clone() };
        capped.bids[2].preference = 1;
        capped.bids[0].preference = 2;
        if turned {
            capped.lots.reverse();
        }
        let found = capped.by_rank().unwrap();
        let of = |code: &str| found.lots.iter().find(|lot| lot.lot == code).unwrap().laureates.join(" ");
        assert_eq!((of("L1"), of("L2")), ("B".into(), "A".into()));
        assert!(!found.steps.iter().any(|step| matches!(step, Step::Tied { .. })), "{:?}", found.steps);
    }
}

#[test]
fn a_reserve_list_ends_before_a_tie_that_does_not_fit() {
    let bids = [("A", 1), ("B", 2), ("C", 3), ("D", 3)].map(|(who, rank)| bid(who, "L1", rank, 9, 1, 1)).to_vec();
    let spec = AllocationSpec { lots: vec![lot("L1")], bids, cap: 1, reserve: 2, envelope: None };
    assert_eq!(spec.by_rank().unwrap().lots[0].reserve, ["B"]);
    assert_eq!(AllocationSpec { reserve: 3, ..spec }.by_rank().unwrap().lots[0].reserve, ["B", "C", "D"]);
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
    let places = |at: usize| u64::from(spec.lots.iter().find(|lot| lot.code == spec.bids[at].lot).unwrap().places);
    let mut best = (0, Rational::ZERO);
    for choice in 0u32..1 << spec.bids.len() {
        let taken: Vec<usize> = (0..spec.bids.len()).filter(|at| choice >> at & 1 == 1).collect();
        let count = |keep: &dyn Fn(&Bid) -> bool| taken.iter().filter(|at| keep(&spec.bids[**at])).count();
        let holds = taken.iter().all(|at| {
            let bid = &spec.bids[*at];
            let seats = spec.lots.iter().find(|lot| lot.code == bid.lot).unwrap().laureates;
            count(&|other| other.candidate == bid.candidate) <= spec.cap
                && count(&|other| other.lot == bid.lot) <= seats
        });
        let cost: u64 = taken.iter().map(|at| spec.bids[*at].cost).sum();
        if holds && spec.envelope.is_none_or(|envelope| cost <= envelope) {
            let value = (taken.iter().map(|at| places(*at)).sum(), taken.iter().map(|at| &spec.bids[*at].total).sum());
            best = best.max(value);
        }
    }
    best
}

/// Candidates who order their lots, as the rules ask them to.
fn random() -> impl Strategy<Value = AllocationSpec> {
    let bids = proptest::collection::btree_map((0usize..4, 0usize..5), (1i64..30, 1u64..50), 0..12);
    let lots = proptest::collection::vec((1u32..4, 0usize..3), 5);
    (bids, lots, 0usize..4, proptest::option::of(0u64..150), any::<u64>()).prop_map(
        |(bids, lots, cap, envelope, order)| {
            let lots = lots.iter().enumerate();
            let lots = lots.map(|(n, (places, laureates))| Lot {
                code: format!("L{n}"),
                laureates: *laureates,
                places: *places,
            });
            let mut bids: Vec<Bid> = bids
                .into_iter()
                .map(|((c, l), (total, cost))| {
                    let preference = 1 + u32::try_from(((order >> (c * 8)) % 5 + l as u64 * 3) % 5).unwrap();
                    bid(&format!("C{c}"), &format!("L{l}"), 0, total, preference, cost)
                })
                .collect();
            let all = bids.clone();
            for bid in &mut bids {
                bid.rank = 1 + all.iter().filter(|other| other.lot == bid.lot && other.total > bid.total).count();
            }
            AllocationSpec { lots: lots.collect(), bids, cap, reserve: 2, envelope }
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
        let held = |candidate: &String| found.lots.iter().filter(|lot| lot.laureates.contains(candidate)).count();
        for bid in &spec.bids {
            prop_assert!(held(&bid.candidate) <= spec.cap);
            let lot = found.lots.iter().find(|lot| lot.lot == bid.lot).unwrap();
            let seats = spec.lots.iter().find(|lot| lot.code == bid.lot).unwrap().laureates;
            prop_assert!(lot.laureates.len() <= seats);
            if lot.laureates.contains(&bid.candidate) {
                continue;
            }
            let of = |who: &String| spec.bids.iter().find(|b| b.lot == bid.lot && b.candidate == *who).unwrap().rank;
            let free = lot.laureates.len() < seats && lot.vacancy != Some(Vacancy::Tied);
            // A seat is free, or somebody less well placed has it: then one holds a full cap of lots that one likes at least as
            // much. Two of one rank are never told apart: either both have a seat or each of them rejects it.
            if free || lot.laureates.iter().any(|laureate| of(laureate) >= bid.rank) && seats > 0 {
                let preferred = spec.bids.iter().filter(|b| {
                    b.candidate == bid.candidate
                        && b.preference <= bid.preference
                        && found.lots.iter().any(|lot| lot.lot == b.lot && lot.laureates.contains(&b.candidate))
                });
                prop_assert_eq!(preferred.count(), spec.cap);
            }
        }
        let mut turned = spec.clone();
        turned.bids.reverse();
        prop_assert_eq!(turned.by_rank().unwrap(), found.clone());
        // In whichever order lots are looked at, and whatever candidates are called, the same win.
        turned.lots.reverse();
        let mut other = turned.by_rank().unwrap().lots;
        other.reverse();
        prop_assert_eq!(other, found.lots);
    }
}
