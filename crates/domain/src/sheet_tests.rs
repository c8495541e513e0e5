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
        min_marks: None,
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
    let change = Change { mark: Some(Some(mark)), comment: Some(comment.to_owned()), abstained: None };
    BTreeMap::from([(code.to_owned(), change)])
}

#[test]
fn a_sheet_is_locked_once_complete_and_then_stays() {
    let grid = grid();
    let now = Timestamp::UNIX_EPOCH;
    let written = sheet().write(&change("A1", 5, &"é".repeat(29)), &grid).unwrap();
    assert_eq!(written.touched, ["A1"]);
    let sheet = written.sheet;
    let sheet = sheet.write(&change("A2", 3, ""), &grid).unwrap().sheet;
    assert_eq!(
        sheet.clone().lock(&grid, now),
        Err(SheetError::Incomplete(vec![Missing::Comment { criterion: "A1".into(), min: 30, length: 29 }]))
    );
    let sheet = sheet.write(&change("A1", 5, &"é".repeat(30)), &grid).unwrap().sheet;
    let locked = sheet.lock(&grid, now).unwrap();
    assert_eq!(locked.clone().write(&change("A1", 4, ""), &grid), Err(SheetError::Locked));
    assert_eq!(locked.clone().lock(&grid, now), Err(SheetError::Locked));
    let chair = Uuid::from_u128(7).into();
    assert_eq!(locked.clone().reopen(chair, "  ", now, None, now), Err(SheetError::NoReason));
    assert_eq!(locked.clone().reopen(chair, &"é".repeat(4_001), now, None, now), Err(SheetError::ReasonTooLong(4_001)));
    // Open again it says who, why and when; locked again it counts as before.
    let open = locked.clone().reopen(chair, " Erreur de dossier ", now, None, now).unwrap();
    let week = "1970-01-08T00:00:00Z".parse().unwrap();
    let reopening = Reopening { by: chair, reason: "Erreur de dossier".into(), at: now, until: week };
    assert_eq!(open.reopening(), Some(&reopening));
    assert!(open.is_reopened(week) && !open.is_reopened("1970-01-08T00:00:01Z".parse().unwrap()));
    // Marking may last longer than a week; a deadline of the chair's is theirs, and lies ahead.
    let later = "1970-02-01T00:00:00Z".parse().unwrap();
    let open_until = |until, marking| locked.clone().reopen(chair, "Erreur", now, until, marking);
    assert_eq!(open_until(None, later).unwrap().reopening().unwrap().until, later);
    assert_eq!(open_until(Some(week), later).unwrap().reopening().unwrap().until, week);
    assert_eq!(open_until(Some(now), later), Err(SheetError::DeadlineOver));
    let open = open.write(&change("A2", 4, ""), &grid).unwrap().sheet;
    assert!(open.lock(&grid, now).unwrap().is_locked());
}

#[test]
fn a_wrong_entry_is_named_and_blocks_no_other() {
    let grid = grid();
    let before = sheet().write(&change("A2", 2, "assez"), &grid).unwrap().sheet;
    let mut changes = change("A1", 3, "");
    changes.extend(change("A2", 6, &"é".repeat(4_001)));
    changes.extend(change("Z9", 1, ""));
    let written = before.write(&changes, &grid).unwrap();
    assert_eq!(written.touched, ["A1"]);
    let kept = &written.sheet.entries["A2"];
    assert_eq!((kept.mark.map(|m| grid.scale.value(m)), kept.comment.as_str()), (Some(2), "assez"));
    let long = EntryError::CommentTooLong { criterion: "A2".into(), length: 4_001 };
    let outside = EntryError::Mark { criterion: "A2".into(), error: MarkError::Outside };
    assert_eq!(written.wrong, [outside, long, EntryError::UnknownCriterion("Z9".into())]);
}

#[test]
fn an_abstention_says_why_and_a_mark_ends_it() {
    let grid = grid();
    let abstain = |code: &str, reason: &str| {
        let change = Change { abstained: Some(Some(reason.into())), ..Change::default() };
        BTreeMap::from([(code.to_owned(), change)])
    };
    let marked = sheet().write(&change("A1", 3, ""), &grid).unwrap().sheet;
    let silent = marked.clone().write(&abstain("A1", " "), &grid).unwrap();
    assert_eq!(silent.wrong, [EntryError::AbstentionReason { criterion: "A1".into(), length: 0 }]);
    assert_eq!(silent.sheet.entries["A1"].mark.map(|m| grid.scale.value(m)), Some(3), "what stood there stands");
    let both = Change { mark: Some(Some(2)), abstained: Some(Some("x".into())), ..Change::default() };
    let both = marked.clone().write(&BTreeMap::from([("A1".to_owned(), both)]), &grid).unwrap();
    assert_eq!(both.wrong, [EntryError::MarkAndAbstention("A1".into())]);

    let abstained = marked.write(&abstain("A1", "Je ne connais pas ce métier."), &grid).unwrap().sheet;
    let entry = &abstained.entries["A1"];
    assert_eq!((entry.mark, entry.abstained.as_deref()), (None, Some("Je ne connais pas ce métier.")));
    assert_eq!(abstained.missing(&grid), [Missing::Mark("A2".into())]);
    let everywhere = abstained.clone().write(&abstain("A2", "Ni celui-ci."), &grid).unwrap().sheet;
    assert_eq!(everywhere.lock(&grid, Timestamp::UNIX_EPOCH), Err(SheetError::NoMark));
    let signed = abstained.clone().write(&change("A2", 3, ""), &grid).unwrap().sheet;
    assert!(signed.lock(&grid, Timestamp::UNIX_EPOCH).unwrap().is_locked());
    let again = abstained.write(&change("A1", 4, ""), &grid).unwrap().sheet;
    assert_eq!(again.entries["A1"].abstained, None);
}

#[test]
fn the_same_value_again_is_no_change() {
    let grid = grid();
    let sheet = sheet().write(&change("A1", 3, "x"), &grid).unwrap().sheet;
    let revision = sheet.revision;
    let written = sheet.write(&change("A1", 3, " x "), &grid).unwrap();
    assert_eq!((written.touched.len(), written.sheet.revision), (0, revision));
}
