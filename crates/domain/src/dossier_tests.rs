use uuid::Uuid;

use super::*;

fn calendar() -> Calendar {
    let at = |t: &str| t.parse().unwrap();
    Calendar {
        opens: at("2027-01-11T08:00:00Z"),
        closes: at("2027-03-15T11:00:00Z"),
        questions_until: at("2027-02-26T11:00:00Z"),
        completion_until: at("2027-04-06T10:00:00Z"),
        marking_from: at("2027-04-12T00:00:00Z"),
        marking_until: at("2027-05-03T21:59:00Z"),
        milestones: vec![],
    }
}

fn draft() -> Dossier {
    Dossier {
        id: Uuid::nil().into(),
        call: Uuid::nil().into(),
        organisation: Uuid::nil().into(),
        lot: "ALI-01".into(),
        number: 1,
        state: DossierState::Draft,
        revision: 0,
        answers_revision: 0,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: Uuid::nil().into(),
    }
}

#[test]
fn the_deadline_holds_to_the_tick() {
    let calendar = calendar();
    let at = |t: &str| draft().deposit(t.parse().unwrap(), &calendar, vec![]);
    assert!(at("2027-03-15T10:59:59.999Z").is_ok());
    assert!(at("2027-03-15T11:00:00.000Z").is_ok());
    assert_eq!(at("2027-03-15T11:00:00.000001Z"), Err(DossierError::Closed { closes: calendar.closes }));
    assert_eq!(at("2027-03-15T11:00:00.001Z"), Err(DossierError::Closed { closes: calendar.closes }));
    assert_eq!(at("2027-01-11T07:59:59.999999Z"), Err(DossierError::NotOpen { opens: calendar.opens }));
}

#[test]
fn lateness_is_said_before_gaps() {
    let gaps = vec![Gap::Piece { slot: "P01".into() }];
    let late = draft().deposit("2027-03-15T11:00:01Z".parse().unwrap(), &calendar(), gaps.clone());
    assert!(matches!(late, Err(DossierError::Closed { .. })));
    let early = draft().deposit("2027-03-15T10:00:00Z".parse().unwrap(), &calendar(), gaps.clone());
    assert_eq!(early, Err(DossierError::Incomplete(gaps)));
}

/// Every transition from every state: what is not written here as allowed is refused.
#[test]
fn transitions_are_total() {
    let now: Timestamp = "2027-02-01T00:00:00Z".parse().unwrap();
    let inadmissible = Admissibility::Inadmissible { reason: InadmissibleReason::Ineligible, comment: "Motif".into() };
    let states = [
        DossierState::Draft,
        DossierState::Deposited { at: now },
        DossierState::Withdrawn { deposited_at: now, at: now },
        DossierState::Admissible { deposited_at: now },
        DossierState::Inadmissible { deposited_at: now, reason: InadmissibleReason::Late, comment: "Motif".into() },
    ];
    let table: Vec<String> = states
        .iter()
        .map(|state| {
            let d = || Dossier { state: state.clone(), ..draft() };
            let name = |r: Result<Dossier, DossierError>| r.map_or("-", |d| d.state_name().as_str());
            format!(
                "{}: deposit {} · take back {} · withdraw {} · admit {} · reject {}",
                state.name().as_str(),
                name(d().deposit(now, &calendar(), vec![])),
                name(d().take_back(now, &calendar())),
                name(d().withdraw(now)),
                name(d().examine(Admissibility::Admissible)),
                name(d().examine(inadmissible.clone())),
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            "draft: deposit deposited · take back - · withdraw - · admit - · reject -",
            "deposited: deposit - · take back draft · withdraw withdrawn · admit admissible · reject inadmissible",
            "withdrawn: deposit - · take back - · withdraw - · admit - · reject -",
            "admissible: deposit - · take back - · withdraw withdrawn · admit admissible · reject inadmissible",
            "inadmissible: deposit - · take back - · withdraw - · admit admissible · reject inadmissible",
        ]
    );
}

#[test]
fn rejecting_says_why() {
    let filed = Dossier { state: DossierState::Deposited { at: Timestamp::UNIX_EPOCH }, ..draft() };
    let silent = Admissibility::Inadmissible { reason: InadmissibleReason::Incomplete, comment: " \n".into() };
    assert_eq!(filed.examine(silent), Err(DossierError::NoReason));
}
