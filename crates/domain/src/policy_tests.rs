//! The committed table: what each person may do in each phase. A changed rule changes the table, and a reviewer sees it.

use std::fmt::Write as _;

use uuid::Uuid;

use super::*;

const CALL: u128 = 1;
const ORGANISATION: u128 = 2;
const DOSSIER: u128 = 3;

fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n).into()
}

fn nobody() -> Actor {
    Actor {
        account: id(9),
        administrator: false,
        officer: false,
        organisations: BTreeSet::new(),
        officer_of: BTreeMap::new(),
        seats: BTreeMap::new(),
    }
}

fn juror(declared: bool, chair: bool) -> Actor {
    Actor { seats: BTreeMap::from([(id(CALL), SeatFacts { id: id(5), declared, chair })]), ..nobody() }
}

fn runs(call: u128, role: OfficerRole) -> Actor {
    Actor { officer_of: BTreeMap::from([(id(call), role)]), ..nobody() }
}

/// Everyone there is, with what their seat is to the dossier.
fn people() -> Vec<(&'static str, Option<Actor>, AssignmentFacts)> {
    let none = AssignmentFacts::default();
    let assigned = AssignmentFacts { assigned: true, own_sheet: true, ..none };
    vec![
        ("anonymous", None, none),
        ("stranger", Some(nobody()), none),
        ("applicant", Some(Actor { organisations: BTreeSet::from([id(ORGANISATION)]), ..nobody() }), none),
        ("other applicant", Some(Actor { organisations: BTreeSet::from([id(77)]), ..nobody() }), none),
        ("undeclared juror", Some(juror(false, false)), assigned),
        ("unassigned juror", Some(juror(true, false)), none),
        ("juror", Some(juror(true, false)), assigned),
        ("locked juror", Some(juror(true, false)), AssignmentFacts { locked: true, ..assigned }),
        ("reopened juror", Some(juror(true, false)), AssignmentFacts { reopened: true, ..assigned }),
        ("recused juror", Some(juror(true, false)), AssignmentFacts { recused: true, ..assigned }),
        ("recused locked juror", Some(juror(true, false)), AssignmentFacts { recused: true, locked: true, ..assigned }),
        ("other sheet", Some(juror(true, false)), AssignmentFacts { own_sheet: false, ..assigned }),
        ("chair", Some(juror(true, true)), assigned),
        ("chair, other sheet", Some(juror(true, true)), none),
        ("recused chair", Some(juror(true, true)), AssignmentFacts { recused: true, ..none }),
        ("officer", Some(runs(CALL, OfficerRole::Owner)), none),
        ("editor", Some(runs(CALL, OfficerRole::Editor)), none),
        ("reader", Some(runs(CALL, OfficerRole::Reader)), none),
        ("other officer", Some(runs(88, OfficerRole::Owner)), none),
        ("named officer", Some(Actor { officer: true, ..nobody() }), none),
        ("administrator", Some(Actor { administrator: true, ..nobody() }), none),
    ]
}

fn letter(answer: Result<(), Denial>) -> char {
    match answer {
        Ok(()) => '✓',
        Err(Denial::SignInFirst) => 's',
        Err(Denial::Hidden) => '·',
        Err(Denial::NotYours) => 'x',
        Err(Denial::DeclareFirst) => 'd',
        Err(Denial::NotNow) => '-',
        Err(Denial::Sealed { .. }) => 'e',
        Err(Denial::MarksSealed) => 'm',
        Err(Denial::MarkingOver { .. }) => 'o',
    }
}

/// Where a dossier may stand: its states, and beside the filed one the same while it is changed.
fn standings() -> Vec<(&'static str, DossierStateName, bool)> {
    let mut all: Vec<_> = DossierStateName::ALL.iter().map(|state| (state.as_str(), *state, false)).collect();
    all.insert(2, ("changing", DossierStateName::Deposited, true));
    all
}

/// The whole table: action × person, one letter per phase, for each state of the dossier that changes an answer.
fn table() -> String {
    let mut out = String::from(
        "✓ allowed · s sign in first · x not yours (403) · d declare first (403) · - not now (409) · e sealed (409) · \
         m marks sealed (409) · o marking over (409) · · hidden (404)\n\
         Phases, in order: draft upcoming open closed admissibility marking hearings plenary deliberation notified archived\n",
    );
    for action in Action::ALL {
        for (who, actor, assignment) in people() {
            let mut line = String::new();
            for (standing, state, editing) in standings() {
                let row: String = Phase::ALL
                    .iter()
                    .map(|phase| {
                        let call = CallFacts {
                            id: id(CALL),
                            phase: *phase,
                            officers_see_marks_while_marking: false,
                            closes: Timestamp::UNIX_EPOCH,
                            marking_over: None,
                        };
                        let dossier = DossierFacts { id: id(DOSSIER), organisation: id(ORGANISATION), state, editing };
                        let own = Some(id(9)).filter(|_| who != "stranger");
                        let subject =
                            Subject { account: own, ..Subject::dossier(call, dossier) }.with_assignment(assignment);
                        letter(decide(*action, actor.as_ref(), &subject))
                    })
                    .collect();
                if !line.contains(&row) {
                    write!(line, " {standing}={row}").unwrap();
                }
            }
            writeln!(out, "{:<24}{who:<22}{line}", action.code()).unwrap();
        }
    }
    out
}

#[test]
fn the_committed_table_is_what_the_rules_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policy.txt");
    let table = table();
    if std::env::var_os("UPDATE_POLICY").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(committed, table, "rules changed: look at every line, then commit with UPDATE_POLICY=1");
}

#[test]
fn a_recused_juror_gets_nothing_about_the_dossier() {
    let (_, actor, assignment) = people().into_iter().find(|p| p.0 == "recused locked juror").unwrap();
    for action in [
        Action::ReadAssigned,
        Action::Mark,
        Action::LockSheet,
        Action::ReadSheet,
        Action::ReadMarks,
        Action::ReviewDossier,
    ] {
        for phase in Phase::ALL {
            let call = CallFacts {
                id: id(CALL),
                phase,
                officers_see_marks_while_marking: true,
                closes: Timestamp::UNIX_EPOCH,
                marking_over: None,
            };
            for state in DossierStateName::ALL {
                let dossier = DossierFacts { id: id(DOSSIER), organisation: id(ORGANISATION), state, editing: false };
                let subject = Subject::dossier(call, dossier).with_assignment(assignment);
                assert_eq!(
                    decide(action, actor.as_ref(), &subject),
                    Err(Denial::Hidden),
                    "{action:?} {phase:?} {state:?}"
                );
            }
        }
    }
}

#[test]
fn nobody_but_the_applicant_reads_a_sealed_dossier() {
    for (who, actor, assignment) in people() {
        if who == "applicant" {
            continue;
        }
        for phase in [Phase::Upcoming, Phase::Open] {
            let call = CallFacts {
                id: id(CALL),
                phase,
                officers_see_marks_while_marking: true,
                closes: Timestamp::UNIX_EPOCH,
                marking_over: None,
            };
            let dossier = DossierFacts {
                id: id(DOSSIER),
                organisation: id(ORGANISATION),
                state: DossierStateName::Deposited,
                editing: true,
            };
            let subject = Subject::dossier(call, dossier).with_assignment(assignment);
            for action in [Action::ReadOwnDossier, Action::ReviewDossier, Action::ReadAssigned, Action::ReadMarks] {
                assert!(decide(action, actor.as_ref(), &subject).is_err(), "{who} {action:?} {phase:?}");
            }
        }
    }
}

#[test]
fn a_permit_names_what_it_is_for() {
    let applicant = Actor { organisations: BTreeSet::from([id(ORGANISATION)]), ..nobody() };
    let call = CallFacts {
        id: id(CALL),
        phase: Phase::Open,
        officers_see_marks_while_marking: false,
        closes: Timestamp::UNIX_EPOCH,
        marking_over: None,
    };
    let dossier = DossierFacts {
        id: id(DOSSIER),
        organisation: id(ORGANISATION),
        state: DossierStateName::Draft,
        editing: false,
    };
    let subject = Subject::dossier(call, dossier);
    assert_eq!(permit::<acts::EditDossier>(Some(&applicant), &subject).unwrap().on(), id(DOSSIER));
    let begun = permit::<acts::CreateDossier>(Some(&applicant), &subject).unwrap();
    assert_eq!(begun.on(), (id(CALL), id(ORGANISATION)));
    // What is done to a seat, to a subject that names none, is no permit.
    let officer = runs(CALL, OfficerRole::Owner);
    let marking = Subject::call(CallFacts { phase: Phase::Marking, ..call });
    assert!(matches!(permit::<acts::AssignDossier>(Some(&officer), &marking), Err(Denial::Hidden)));
    assert_eq!(permit::<acts::AssignDossier>(Some(&officer), &marking.with_seat(id(7))).unwrap().on(), id(7));
}

#[test]
fn a_reader_reads_what_an_officer_does_and_does_nothing() {
    let none = AssignmentFacts::default();
    for action in Action::ALL {
        for phase in Phase::ALL {
            for (_, state, editing) in standings() {
                let call = CallFacts {
                    id: id(CALL),
                    phase,
                    officers_see_marks_while_marking: false,
                    closes: Timestamp::UNIX_EPOCH,
                    marking_over: None,
                };
                let dossier = DossierFacts { id: id(DOSSIER), organisation: id(ORGANISATION), state, editing };
                let subject = Subject::dossier(call, dossier).with_assignment(none);
                let answer = |role| decide(*action, Some(&runs(CALL, role)), &subject);
                let (reader, editor) = (answer(OfficerRole::Reader), answer(OfficerRole::Editor));
                let stranger = decide(*action, Some(&nobody()), &subject);
                if READING.contains(action) {
                    assert_eq!(reader, editor, "{action:?} {phase:?}");
                } else {
                    assert!(reader == stranger || reader == Err(Denial::NotYours), "{action:?} {phase:?} {reader:?}");
                    // What is hidden from an editor is hidden from a reader too.
                    assert!(editor != Err(Denial::Hidden) || reader == Err(Denial::Hidden), "{action:?} {phase:?}");
                }
            }
        }
    }
}

#[test]
fn nobody_declares_for_another_seat() {
    let call = CallFacts {
        id: id(CALL),
        phase: Phase::Marking,
        officers_see_marks_while_marking: false,
        closes: Timestamp::UNIX_EPOCH,
        marking_over: None,
    };
    let subject = Subject::call(call).with_seat(id(6));
    assert_eq!(decide(Action::DeclareConflicts, Some(&juror(true, false)), &subject), Err(Denial::NotYours));
    let own = subject.with_seat(id(5));
    assert_eq!(decide(Action::DeclareConflicts, Some(&juror(true, false)), &own), Ok(()));
}

#[test]
fn whoever_may_not_read_marks_may_not_read_or_make_a_ranking() {
    for (who, actor, assignment) in people() {
        for phase in Phase::ALL {
            for open in [false, true] {
                let closes = Timestamp::UNIX_EPOCH;
                let call = CallFacts {
                    id: id(CALL),
                    phase,
                    officers_see_marks_while_marking: open,
                    closes,
                    marking_over: None,
                };
                // The marks of a lot from which a juror is excluded are taken out of what they read.
                let subject = Subject::call(call).with_assignment(AssignmentFacts { recused: false, ..assignment });
                let may = |action| decide(action, actor.as_ref(), &subject);
                for action in [Action::ReadRanking, Action::ListRankings, Action::ComputeRanking] {
                    assert!(may(action).is_err() || may(Action::ReadMarks).is_ok(), "{who} {action:?} {phase:?}");
                }
                if phase == Phase::Marking && who == "officer" {
                    assert_eq!(may(Action::ComputeRanking), if open { Ok(()) } else { Err(Denial::MarksSealed) });
                }
            }
        }
    }
}

#[test]
fn marking_ends_at_its_hour_but_for_what_was_reopened() {
    let over = Timestamp::UNIX_EPOCH;
    let facts = |phase, marking_over| CallFacts {
        id: id(CALL),
        phase,
        officers_see_marks_while_marking: false,
        closes: over,
        marking_over,
    };
    let own = AssignmentFacts { assigned: true, own_sheet: true, ..AssignmentFacts::default() };
    let may = |phase, since, assignment| {
        let subject = Subject::call(facts(phase, since)).with_assignment(assignment);
        decide(Action::Mark, Some(&juror(true, false)), &subject)
    };
    assert_eq!(may(Phase::Marking, None, own), Ok(()));
    assert_eq!(may(Phase::Marking, Some(over), own), Err(Denial::MarkingOver { since: over }));
    assert_eq!(may(Phase::Hearings, Some(over), own), Err(Denial::NotNow));
    let reopened = AssignmentFacts { reopened: true, ..own };
    for phase in [Phase::Marking, Phase::Hearings, Phase::Plenary] {
        assert_eq!(may(phase, Some(over), reopened), Ok(()), "{phase}");
    }
    assert_eq!(may(Phase::Deliberation, Some(over), reopened), Err(Denial::NotNow));
}

#[test]
fn a_chair_who_is_excluded_reopens_nothing_there() {
    for (recused, answer) in [(false, Ok(())), (true, Err(Denial::Hidden))] {
        let closes = Timestamp::UNIX_EPOCH;
        let call = CallFacts {
            id: id(CALL),
            phase: Phase::Marking,
            officers_see_marks_while_marking: false,
            closes,
            marking_over: None,
        };
        let facts = AssignmentFacts { recused, ..AssignmentFacts::default() };
        let subject = Subject::call(call).with_assignment(facts);
        assert_eq!(decide(Action::ReopenSheet, Some(&juror(true, true)), &subject), answer);
        assert_eq!(decide(Action::ImposeRecusal, Some(&juror(true, true)), &subject).is_ok(), !recused);
    }
}
