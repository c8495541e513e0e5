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

fn deposit(n: u128) -> DepositId {
    Uuid::from_u128(n).into()
}

fn filing(at: Timestamp) -> Filing {
    Filing { deposit: deposit(1), at }
}

#[test]
fn the_deadline_holds_to_the_tick() {
    let calendar = calendar();
    let at = |t: &str| draft().deposit(deposit(1), t.parse().unwrap(), &calendar, vec![]);
    assert!(at("2027-03-15T10:59:59.999Z").is_ok());
    assert!(at("2027-03-15T11:00:00.000Z").is_ok());
    assert_eq!(at("2027-03-15T11:00:00.000001Z"), Err(DossierError::Closed { closes: calendar.closes }));
    assert_eq!(at("2027-03-15T11:00:00.001Z"), Err(DossierError::Closed { closes: calendar.closes }));
    assert_eq!(at("2027-01-11T07:59:59.999999Z"), Err(DossierError::NotOpen { opens: calendar.opens }));
}

#[test]
fn lateness_is_said_before_gaps() {
    let gaps = vec![Gap::Piece { slot: "P01".into() }];
    let late = draft().deposit(deposit(1), "2027-03-15T11:00:01Z".parse().unwrap(), &calendar(), gaps.clone());
    assert!(matches!(late, Err(DossierError::Closed { .. })));
    let early = draft().deposit(deposit(1), "2027-03-15T10:00:00Z".parse().unwrap(), &calendar(), gaps.clone());
    assert_eq!(early, Err(DossierError::Incomplete(gaps)));
}

/// Every transition from every state: what is not written here as allowed is refused.
#[test]
fn transitions_are_total() {
    let now: Timestamp = "2027-02-01T00:00:00Z".parse().unwrap();
    let inadmissible = Admissibility::Inadmissible { reason: InadmissibleReason::Ineligible, comment: "Motif".into() };
    let filing = filing(now);
    let states = [
        DossierState::Draft,
        DossierState::Deposited { filing, editing: None },
        DossierState::Deposited { filing, editing: Some(Editing { since: now }) },
        DossierState::Withdrawn { filing, at: now },
        DossierState::Admissible { filing },
        DossierState::Inadmissible { filing, reason: InadmissibleReason::Late, comment: "Motif".into() },
    ];
    let table: Vec<String> = states
        .iter()
        .map(|state| {
            let d = || Dossier { state: state.clone(), ..draft() };
            let shown = |d: &Dossier| format!("{}{}", d.state_name().as_str(), d.editing().map_or("", |_| "*"));
            let name = |r: Result<Dossier, DossierError>| r.map_or_else(|_| "-".into(), |d| shown(&d));
            format!(
                "{}: deposit {} · change {} · drop {} · withdraw {} · admit {} · reject {}",
                shown(&d()),
                name(d().deposit(deposit(2), now, &calendar(), vec![])),
                name(d().begin_change(now, &calendar())),
                name(d().drop_change()),
                name(d().withdraw(now)),
                name(d().examine(Admissibility::Admissible)),
                name(d().examine(inadmissible.clone())),
            )
        })
        .collect();
    // The star says that a change is under way.
    assert_eq!(
        table,
        [
            "draft: deposit deposited · change - · drop - · withdraw - · admit - · reject -",
            "deposited: deposit - · change deposited* · drop - · withdraw withdrawn · admit admissible · reject inadmissible",
            "deposited*: deposit deposited · change - · drop deposited · withdraw withdrawn · admit admissible · reject inadmissible",
            "withdrawn: deposit - · change - · drop - · withdraw - · admit - · reject -",
            "admissible: deposit - · change - · drop - · withdraw withdrawn · admit admissible · reject inadmissible",
            "inadmissible: deposit - · change - · drop - · withdraw - · admit admissible · reject inadmissible",
        ]
    );
}

/// What was filed counts while it is changed, whatever becomes of the change.
#[test]
fn a_change_takes_nothing_back() {
    let (first, later): (Timestamp, Timestamp) =
        ("2027-02-01T00:00:00Z".parse().unwrap(), "2027-02-02T00:00:00Z".parse().unwrap());
    let filed = draft().deposit(deposit(1), first, &calendar(), vec![]).unwrap();
    let changing = filed.begin_change(later, &calendar()).unwrap();
    assert_eq!(changing.filing(), Some(filing(first)));
    assert_eq!(changing.clone().drop_change().unwrap().filing(), Some(filing(first)));
    assert_eq!(changing.clone().examine(Admissibility::Admissible).unwrap().filing(), Some(filing(first)));
    let again = changing.deposit(deposit(2), later, &calendar(), vec![]).unwrap();
    assert_eq!(again.filing(), Some(Filing { deposit: deposit(2), at: later }));
    assert_eq!(again.editing(), None);
}

#[test]
fn rejecting_says_why() {
    let filed =
        Dossier { state: DossierState::Deposited { filing: filing(Timestamp::UNIX_EPOCH), editing: None }, ..draft() };
    let silent = Admissibility::Inadmissible { reason: InadmissibleReason::Incomplete, comment: " \n".into() };
    assert_eq!(filed.examine(silent), Err(DossierError::NoReason));
}
