use uuid::Uuid;

use super::*;
use crate::grid::{Aggregation, CommentRule, Criterion, Group, Scale};

fn grid() -> Grid {
    let criterion = |code: &str| Criterion { code: code.into(), label: code.into(), weight: 1, sources: vec![] };
    Grid {
        scale: Scale { min: 0, max: 5, step: 1, words: vec![] },
        groups: vec![Group { code: "A".into(), label: "A".into(), criteria: vec![criterion("A1"), criterion("A2")] }],
        thresholds: vec![],
        ties: vec![],
        min_jurors: 1,
        aggregation: Aggregation::Mean,
        comments: CommentRule { marks: vec![0, 1, 5], min_chars: 30 },
        harmonise_from: None,
    }
}

fn sheet() -> Sheet {
    Sheet {
        id: Uuid::nil().into(),
        seat: Uuid::nil().into(),
        dossier: Uuid::nil().into(),
        state: SheetState::Draft,
        revision: 0,
        entries: BTreeMap::new(),
    }
}

fn change(code: &str, mark: i64, comment: &str) -> BTreeMap<String, Change> {
    BTreeMap::from([(code.to_owned(), Change { mark: Some(Some(mark)), comment: Some(comment.to_owned()) })])
}

#[test]
fn a_sheet_is_locked_once_complete_and_then_stays() {
    let grid = grid();
    let now = Timestamp::UNIX_EPOCH;
    let (sheet, changed) = sheet().write(&change("A1", 5, &"é".repeat(29)), &grid).unwrap();
    assert_eq!(changed, ["A1"]);
    let (sheet, _) = sheet.write(&change("A2", 3, ""), &grid).unwrap();
    assert_eq!(
        sheet.clone().lock(&grid, now),
        Err(SheetError::Incomplete(vec![Missing::Comment { criterion: "A1".into(), min: 30, length: 29 }]))
    );
    let (sheet, _) = sheet.write(&change("A1", 5, &"é".repeat(30)), &grid).unwrap();
    let locked = sheet.lock(&grid, now).unwrap();
    assert_eq!(locked.clone().write(&change("A1", 4, ""), &grid), Err(SheetError::Locked));
    assert_eq!(locked.clone().lock(&grid, now), Err(SheetError::Locked));
    let chair = Uuid::from_u128(7).into();
    assert_eq!(locked.clone().reopen(chair, "  ", now), Err(SheetError::NoReason));
    assert_eq!(locked.clone().reopen(chair, &"é".repeat(4_001), now), Err(SheetError::ReasonTooLong(4_001)));
    // Open again it says who, why and when; locked again it counts as before.
    let open = locked.reopen(chair, " Erreur de dossier ", now).unwrap();
    assert_eq!(open.reopening(), Some(&Reopening { by: chair, reason: "Erreur de dossier".into(), at: now }));
    let (open, _) = open.write(&change("A2", 4, ""), &grid).unwrap();
    assert!(open.lock(&grid, now).unwrap().is_locked());
}

#[test]
fn a_wrong_entry_changes_nothing() {
    let grid = grid();
    let mut changes = change("A1", 3, "");
    changes.extend(change("A2", 6, ""));
    changes.extend(change("Z9", 1, ""));
    let Err(SheetError::Entries(wrong)) = sheet().write(&changes, &grid) else { panic!("refused") };
    assert_eq!(wrong.len(), 2);
}

#[test]
fn the_same_value_again_is_no_change() {
    let grid = grid();
    let (sheet, _) = sheet().write(&change("A1", 3, "x"), &grid).unwrap();
    let revision = sheet.revision;
    let (sheet, changed) = sheet.write(&change("A1", 3, " x "), &grid).unwrap();
    assert_eq!((changed.len(), sheet.revision), (0, revision));
}
