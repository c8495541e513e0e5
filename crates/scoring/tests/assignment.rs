//! Juror assignment: loads, recusals, colleges, links, and why it is impossible when it is.

use std::collections::{BTreeMap, BTreeSet};

use ami_scoring::{AssignableDossier, AssignableJuror, AssignmentError, AssignmentSpec};
use proptest::prelude::*;

fn spec(jurors: usize, dossiers: usize, per_dossier: u32) -> AssignmentSpec {
    let college = |n: usize| if n.is_multiple_of(3) { "élus" } else { "partenaires" };
    let juror = |n| AssignableJuror { id: format!("J{n}"), college: college(n).into(), most: 1_000 };
    AssignmentSpec {
        jurors: (0..jurors).map(juror).collect(),
        dossiers: (0..dossiers)
            .map(|n| AssignableDossier { id: format!("D{n}"), ..AssignableDossier::default() })
            .collect(),
        per_dossier,
        colleges: BTreeMap::new(),
    }
}

#[test]
fn experts_are_preferred_where_loads_stay_even() {
    let mut spec = spec(4, 8, 1);
    for (n, dossier) in spec.dossiers.iter_mut().enumerate() {
        dossier.experts.insert(format!("J{}", n % 4));
    }
    let found = spec.assign().unwrap();
    assert_eq!(found.experts, 8);
    assert!(found.loads.values().all(|load| *load == 2));
}

#[test]
fn jurors_stay_linked() {
    let found = spec(9, 12, 2).assign().unwrap();
    assert_eq!(found.components, 1);
    let found = spec(30, 300, 3).assign().unwrap();
    assert_eq!(found.components, 1);
    assert!(found.loads.values().all(|load| *load == 30));
}

#[test]
fn what_is_given_stays_and_only_what_is_missing_is_added() {
    let first = spec(5, 10, 2).assign().unwrap();
    let mut later = spec(6, 12, 2);
    for dossier in &mut later.dossiers {
        dossier.given = first.dossiers.get(&dossier.id).cloned().unwrap_or_default();
    }
    // One steps aside from a dossier: somebody else takes it, and nothing else moves.
    let left = later.dossiers[0].given.pop_first().unwrap();
    later.dossiers[0].recused.insert(left.clone());
    let found = later.assign().unwrap();
    for dossier in &later.dossiers {
        assert!(found.dossiers[&dossier.id].is_superset(&dossier.given), "{}", dossier.id);
        assert_eq!(found.dossiers[&dossier.id].len(), 2);
    }
    assert!(!found.dossiers["D0"].contains(&left));
    // The newcomer, who has nothing yet, takes what there is to take.
    assert_eq!(found.loads["J5"], 3, "{:?}", found.loads);
    // A dossier that too few may mark asks for those there are.
    later.dossiers[11].recused = (0..5).map(|n| format!("J{n}")).collect();
    later.dossiers[11].wanted = Some(1);
    assert_eq!(later.assign().unwrap().dossiers["D11"], BTreeSet::from(["J5".to_owned()]));
}

#[test]
fn it_says_why_it_is_impossible() {
    let mut few = spec(3, 2, 3);
    few.dossiers[1].recused.insert("J0".into());
    let expected = AssignmentError::TooFewJurors { dossier: "D1".into(), wanted: 3, available: 2 };
    assert_eq!(few.assign(), Err(expected));

    let mut college = spec(3, 2, 2);
    college.colleges.insert("élus".into(), 1);
    college.dossiers[0].recused.insert("J0".into());
    assert!(matches!(college.assign(), Err(AssignmentError::TooFewOfCollege { available: 0, .. })));
    college.colleges.insert("partenaires".into(), 2);
    assert_eq!(college.assign(), Err(AssignmentError::Colleges { asked: 3, per_dossier: 2 }));

    let mut tired = spec(3, 4, 2);
    for juror in &mut tired.jurors {
        juror.most = 2;
    }
    match tired.assign() {
        Err(AssignmentError::Overloaded { missing, jurors, dossiers }) => {
            assert_eq!((missing, jurors.len()), (2, 3));
            assert!(!dossiers.is_empty());
        }
        other => assert!(other.is_err(), "{other:?}"),
    }
    let mut twice = spec(3, 2, 1);
    twice.dossiers[1].id = "D0".into();
    assert_eq!(twice.assign(), Err(AssignmentError::Duplicate("D0".into())));
    assert_eq!(spec(0, 0, 3).assign().unwrap().components, 0);
}

proptest! {
    #[test]
    fn what_is_asked_is_given(
        recusals in proptest::collection::btree_set((0usize..12, 0usize..7), 0..10),
        per_dossier in 1u32..4,
        elected in 0u32..2,
    ) {
        let mut spec = spec(7, 12, per_dossier);
        spec.colleges.insert("élus".into(), elected);
        for (dossier, juror) in &recusals {
            spec.dossiers[*dossier].recused.insert(format!("J{juror}"));
        }
        let Ok(found) = spec.assign() else {
            // Only a dossier short of jurors or of elected ones can stop it: nobody has a most.
            let short = spec.dossiers.iter().any(|d| {
                let elected_left = ["J0", "J3", "J6"].iter().filter(|id| !d.recused.contains(**id)).count();
                7 - d.recused.len() < per_dossier as usize || elected_left < elected as usize
            });
            prop_assert!(short);
            return Ok(());
        };
        for dossier in &spec.dossiers {
            let jurors = &found.dossiers[&dossier.id];
            prop_assert_eq!(jurors.len(), per_dossier as usize);
            prop_assert!(jurors.is_disjoint(&dossier.recused));
            let elected_ids: BTreeSet<String> = ["J0", "J3", "J6"].map(str::to_owned).into();
            prop_assert!(jurors.intersection(&elected_ids).count() >= elected as usize);
        }
        prop_assert_eq!(found.loads.values().sum::<u32>(), 12 * per_dossier);
        if recusals.is_empty() && (elected == 0 || per_dossier > 2) {
            let (low, high) = (found.loads.values().min().unwrap(), found.loads.values().max().unwrap());
            prop_assert!(high - low <= 1);
        }
        if per_dossier > 1 && recusals.is_empty() {
            prop_assert_eq!(found.components, 1);
        }
    }
}
