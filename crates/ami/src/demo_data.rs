//! The demonstration's data, loaded through the same use cases that people's acts go through.

use std::collections::BTreeMap;

use ami_domain::call::{CallDefinition, CallState, Draft, Limits, day};
use ami_domain::dossier::InadmissibleReason;
use ami_domain::identifiers::Email;
use ami_domain::ids::{AccountId, DossierId, OrganisationId};
use ami_domain::jury::{College, RecusalReason, Voice};
use ami_services::answers::{self, OnInvalid, Seen};
use ami_services::assigning::SeatChange;
use ami_services::jury::{Conflict, Invitation};
use ami_services::organisations::OrganisationInput;
use ami_services::sheets::{Given, SheetChanges};
use ami_services::{
    Actor, App, Arrival, accounts, assigning, deposits, dossiers, jury, locking, members, officers, organisations,
    pieces, review, sheets, steps, writing,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::{Date, date};
use jiff::{Timestamp, Unit};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::server::Outcome;

/// The call whose deposits are open.
pub const OPEN: &str = "AMI-ALI-2027";
/// The call that is in marking.
pub const MARKING: &str = "AMI-ALI-2027-JURY";
/// Everybody's password.
pub const PASSWORD: &str = "demonstration-93";

const CALL: &str = include_str!("../../../fixtures/call.toml");
const APPLICANTS: &str = include_str!("../../../fixtures/applicants.json");

/// Marks of the worked example α by its three jurors, criteria in the order of the grid.
pub const ALPHA: [&str; 3] = ["44343435444343434", "45434334454434334", "34443345543443443"];
/// Marks of the worked example β.
pub const BETA: [&str; 3] = ["31334444444444444", "32334444444444444", "32234444444444444"];

/// A fictional applicant of the fixtures.
#[derive(Debug, Clone, Deserialize)]
pub struct Applicant {
    /// From 1.
    pub number: usize,
    /// Its legal name.
    pub name: String,
    /// One of the legal forms.
    pub legal_form: String,
    /// Fourteen digits.
    pub siret: String,
    /// Its number as an association.
    pub rna: Option<String>,
    /// Its bank account.
    pub iban: String,
}

/// Who signs in.
#[derive(Debug)]
pub struct Accounts {
    /// Applicants by number.
    pub applicants: Vec<Applicant>,
}

struct Member {
    name: &'static str,
    college: College,
    voice: Voice,
}

const JURY: [Member; 9] = [
    Member { name: "Vice-présidence insertion", college: College::Presidency, voice: Voice::Deliberative },
    Member { name: "Conseil départemental (Valfleury)", college: College::Elected, voice: Voice::Deliberative },
    Member { name: "Conseil départemental (opposition)", college: College::Elected, voice: Voice::Deliberative },
    Member { name: "Direction emploi-insertion", college: College::Department, voice: Voice::Deliberative },
    Member { name: "Service social départemental", college: College::Department, voice: Voice::Deliberative },
    Member { name: "Direction des finances", college: College::Department, voice: Voice::Deliberative },
    Member { name: "État (DRIEETS UD93)", college: College::Partners, voice: Voice::Deliberative },
    Member { name: "France Travail", college: College::Partners, voice: Voice::Deliberative },
    Member { name: "Personnalité qualifiée", college: College::Qualified, voice: Voice::Deliberative },
];

impl Accounts {
    /// The demonstration's people.
    pub fn all() -> Self {
        Self { applicants: serde_json::from_str(APPLICANTS).unwrap_or_default() }
    }

    /// Role, name and address of everyone worth trying.
    pub fn listed(&self) -> impl Iterator<Item = (&'static str, String, String)> {
        let applicants = self.applicants.iter().map(|a| ("applicant", a.name.clone(), applicant_email(a.number)));
        let jurors = JURY.iter().enumerate().map(|(i, m)| ("juror", m.name.to_owned(), juror_email(i + 1)));
        let officer = std::iter::once(("officer", "Mission insertion".to_owned(), OFFICER.to_owned()));
        let administrator = std::iter::once(("administrator", "Administration".to_owned(), ADMINISTRATOR.to_owned()));
        applicants.chain(jurors).chain(officer).chain(administrator)
    }
}

const OFFICER: &str = "agent@demonstration.example";
const ADMINISTRATOR: &str = "administrateur@demonstration.example";

fn applicant_email(number: usize) -> String {
    format!("candidat{number}@demonstration.example")
}

fn juror_email(number: usize) -> String {
    format!("jure{number}@demonstration.example")
}

/// Makes the administrator's account, where the demonstration has none: one of an earlier version had another address.
pub async fn ensure_administrator(app: &App) -> Outcome<AccountId> {
    let email = Email::parse(ADMINISTRATOR)?;
    match ami_database::accounts::find_by_email(app.database.read(), &email).await? {
        Some(account) => Ok(account.id),
        None => Ok(accounts::create_account(&app.now(), ADMINISTRATOR, "Administration", PASSWORD, true).await?),
    }
}

/// Loads everything. With a fixed clock the open call keeps its own calendar; otherwise it is moved so that deposits are open.
pub async fn load(app: &App, people: &Accounts, fixed_clock: bool) -> Outcome<()> {
    let bar = ProgressBar::new(60 + 12 + 9 + 20);
    bar.set_style(ProgressStyle::with_template("Chargement de la démonstration {bar:40} {pos}/{len} {msg}")?);
    let now = app.clock.now();
    let administrator = ensure_administrator(app).await?;
    let officer = accounts::create_account(&app.now(), OFFICER, "Mission insertion", PASSWORD, false).await?;
    let mut members = Vec::new();
    for applicant in &people.applicants {
        let email = applicant_email(applicant.number);
        let account = accounts::create_account(&app.now(), &email, &applicant.name, PASSWORD, false).await?;
        let actor = accounts::actor(&app.now(), account).await?;
        let input = OrganisationInput {
            name: applicant.name.clone(),
            siret: applicant.siret.clone(),
            rna: applicant.rna.clone(),
            legal_form: applicant.legal_form.clone(),
        };
        let organisation = organisations::create_organisation(&app.now(), Some(&actor), &input).await?;
        members.push((account, OrganisationId::from(organisation.id), applicant));
        bar.inc(1);
    }
    let mut jurors = Vec::new();
    for (i, member) in JURY.iter().enumerate() {
        jurors.push(accounts::create_account(&app.now(), &juror_email(i + 1), member.name, PASSWORD, false).await?);
        bar.inc(1);
    }
    let named = members::MemberInput { name: "Mission insertion".into(), email: OFFICER.into() };
    officers::name_officer(&app.now(), Some(&accounts::actor(&app.now(), administrator).await?), &named).await?;
    let loader = Loader { app: app.clone(), administrator, officer, members, jurors, bar };
    let open = if fixed_clock {
        definition(OPEN, "ALI27", now, None)?
    } else {
        definition(OPEN, "ALI27", now, Some(date(2027, 2, 10)))?
    };
    loader.open_call(&open).await?;
    let marking = definition(MARKING, "JURY27", now, Some(date(2027, 4, 20)))?;
    loader.marking_call(&marking).await?;
    loader.bar.finish_and_clear();
    Ok(())
}

/// The call of the fixtures.
pub fn fixture() -> Outcome<CallDefinition> {
    let draft = Draft::from_toml(CALL)?;
    draft.check(&Limits::at(Timestamp::UNIX_EPOCH)).definition.ok_or_else(|| "the fixture has problems".into())
}

/// The fixture's call under a code; with `as_if`, its calendar is moved so that today is that day of the original.
fn definition(code: &str, prefix: &str, now: Timestamp, as_if: Option<Date>) -> Outcome<CallDefinition> {
    let mut call = fixture()?;
    code.clone_into(&mut call.code);
    prefix.clone_into(&mut call.number_prefix);
    if code == MARKING {
        call.title.push_str(" (en notation)");
    }
    if let Some(as_if) = as_if {
        let days = as_if.until((Unit::Day, day(now)))?.get_days();
        call.calendar = call.calendar.moved_by_days(days)?;
    }
    Ok(call)
}

struct Loader<'a> {
    app: App,
    administrator: AccountId,
    officer: AccountId,
    members: Vec<(AccountId, OrganisationId, &'a Applicant)>,
    jurors: Vec<AccountId>,
    bar: ProgressBar,
}

impl Loader<'_> {
    async fn actor(&self, account: AccountId) -> Outcome<Actor> {
        Ok(accounts::actor(&self.app.now(), account).await?)
    }

    /// The same application at another time.
    fn at(&self, when: Timestamp) -> Arrival {
        self.app.at(when)
    }

    async fn publish(&self, call: &CallDefinition) -> Outcome<()> {
        let before = call.calendar.opens.checked_sub(jiff::SignedDuration::from_hours(24))?;
        let app = self.at(before);
        let administrator = self.actor(self.administrator).await?;
        writing::create_call(&app, Some(&administrator), serde_json::to_value(call)?, self.officer).await?;
        let officer = self.actor(self.officer).await?;
        steps::advance_call(&app, Some(&officer), &call.code, CallState::Published, "").await?;
        Ok(())
    }

    /// Deposits open: a draft that was never deposited, and a few deposits that nobody may read yet.
    async fn open_call(&self, call: &CallDefinition) -> Outcome<()> {
        self.publish(call).await?;
        let opens = call.calendar.opens;
        for (i, lot) in ["ALI-04", "ALI-07", "ALI-02", "ALI-08"].into_iter().enumerate() {
            let when = opens.checked_add(jiff::SignedDuration::from_hours(26 + i64::try_from(i)?))?;
            let app = self.at(when);
            let (account, organisation, applicant) = &self.members[i + 1];
            let id = self.begin(&app, call, *account, *organisation, lot).await?;
            if i > 0 {
                self.fill(&app, call, *account, id, applicant, lot).await?;
                let actor = self.actor(*account).await?;
                deposits::deposit_dossier(&app, Some(&actor), id, None).await?;
            }
        }
        Ok(())
    }

    async fn begin(
        &self,
        app: &Arrival,
        call: &CallDefinition,
        account: AccountId,
        organisation: OrganisationId,
        lot: &str,
    ) -> Outcome<DossierId> {
        let actor = self.actor(account).await?;
        Ok(dossiers::create_dossier(app, Some(&actor), &call.code, organisation, lot).await?.summary.id.into())
    }

    /// Answers and pieces, as the form asks for them.
    async fn fill(
        &self,
        app: &Arrival,
        call: &CallDefinition,
        account: AccountId,
        id: DossierId,
        applicant: &Applicant,
        lot: &str,
    ) -> Outcome<()> {
        let actor = self.actor(account).await?;
        fill(app, call, &actor, id, applicant, lot).await
    }

    /// Sixty deposits over the lots, checked, assigned, half marked.
    async fn marking_call(&self, call: &CallDefinition) -> Outcome<()> {
        self.publish(call).await?;
        let mut filed: Vec<(DossierId, &Applicant, String)> = Vec::new();
        // ALI-22 stays without candidate; every organisation applies for five of the other lots.
        for (i, (account, organisation, applicant)) in self.members.iter().enumerate() {
            for k in 0..5 {
                let lot = &call.lots[(i + k * 4) % 21].code;
                let last = i == 11 && k == 4;
                // The last one comes at the very last instant.
                let when = if last {
                    call.calendar.closes
                } else {
                    call.calendar
                        .opens
                        .checked_add(jiff::SignedDuration::from_hours(24 + i64::try_from(i * 40 + k)?))?
                };
                let app = self.at(when);
                let id = self.begin(&app, call, *account, *organisation, lot).await?;
                self.fill(&app, call, *account, id, applicant, lot).await?;
                let actor = self.actor(*account).await?;
                deposits::deposit_dossier(&app, Some(&actor), id, None).await?;
                filed.push((id, applicant, lot.clone()));
                self.bar.inc(1);
            }
        }
        let app = self.at(call.calendar.closes.checked_add(jiff::SignedDuration::from_hours(24))?);
        let officer = self.actor(self.officer).await?;
        steps::advance_call(&app, Some(&officer), &call.code, CallState::Admissibility, "").await?;
        for (id, applicant, _) in &filed {
            let finding = (applicant.legal_form == "autre").then(|| {
                (
                    InadmissibleReason::Ineligible,
                    "Société commerciale sans agrément ESUS ni conventionnement SIAE.".to_owned(),
                )
            });
            review::examine_dossier(&app, Some(&officer), *id, finding).await?;
        }
        filed.retain(|(_, applicant, _)| applicant.legal_form != "autre");
        let mut seats = Vec::new();
        for (i, member) in JURY.iter().enumerate() {
            let invitation = Invitation {
                name: member.name.into(),
                email: juror_email(i + 1),
                college: member.college,
                voice: member.voice,
                chair: i == 0,
            };
            seats.push(jury::invite_juror(&app, Some(&officer), &call.code, &invitation).await?);
        }
        steps::advance_call(&app, Some(&officer), &call.code, CallState::Marking, "").await?;
        self.bar.inc(5);
        let app = self.at(call.calendar.marking_from.checked_add(jiff::SignedDuration::from_hours(10))?);
        // The councillor of Valfleury steps aside from the commune's, the CCAS's and the inter-municipal body's dossiers.
        let conflicts: Vec<Conflict> = filed
            .iter()
            .filter(|(_, a, _)| matches!(a.number, 4 | 5 | 9))
            .map(|(id, _, _)| Conflict {
                lot: None,
                dossier: Some(id.uuid()),
                organisation: None,
                reason: RecusalReason::Office,
                comment: "Mandat à Valfleury-sur-Ourcq.".into(),
            })
            .collect();
        for (i, account) in self.jurors.iter().enumerate() {
            let actor = self.actor(*account).await?;
            let own: &[Conflict] = if i == 1 { &conflicts } else { &[] };
            jury::declare_conflicts(&app, Some(&actor), &call.code, own).await?;
        }
        self.assign_and_mark(&app, call, &officer, &seats, &filed).await?;
        self.bar.inc(15);
        Ok(())
    }

    async fn assign_and_mark(
        &self,
        app: &Arrival,
        call: &CallDefinition,
        officer: &Actor,
        seats: &[uuid::Uuid],
        filed: &[(DossierId, &Applicant, String)],
    ) -> Outcome<()> {
        // α and β are the first two admissible dossiers of applicants 1 and 2; γ one of the commune's, from which J2 is recused.
        let position = |number: usize| filed.iter().position(|(_, a, _)| a.number == number).unwrap_or(0);
        let (alpha, beta, gamma) = (position(1), position(2), position(4));
        let mut by_seat: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, (_, applicant, _)) in filed.iter().enumerate() {
            let seats_of: Vec<usize> = if i == alpha || i == beta {
                vec![0, 1, 2]
            } else if i == gamma {
                vec![0, 2]
            } else {
                let valfleury = matches!(applicant.number, 4 | 5 | 9);
                (0..9).map(|k| (i * 2 + k * 4) % 9).filter(|s| !(valfleury && *s == 1)).take(3).collect()
            };
            for seat in seats_of {
                by_seat.entry(seat).or_default().push(i);
            }
        }
        for (seat, list) in &by_seat {
            let add = list.iter().map(|i| filed[*i].0.uuid()).collect();
            let change = SeatChange { seat: seats[*seat], add, remove: vec![] };
            assigning::change_assignments(app, Some(officer), &call.code, &[change]).await?;
        }
        let criteria: Vec<String> = call.grid.criteria().map(|c| c.code.clone()).collect();
        for (seat, account) in self.jurors.iter().enumerate() {
            let actor = self.actor(*account).await?;
            for (n, sheet) in sheets::list_sheets(app, Some(&actor)).await?.into_iter().enumerate() {
                let index = filed.iter().position(|(id, _, _)| id.uuid() == sheet.dossier.id).unwrap_or(0);
                let lot = sheet.dossier.lot.as_str();
                let example = match index {
                    i if i == alpha => Some(ALPHA[seat.min(2)]),
                    i if i == beta => Some(BETA[seat.min(2)]),
                    // A tie of three: two that stay equal but for their cost, one that group B sets apart.
                    _ if lot == "ALI-09" => {
                        Some(if index % 3 == 0 { "33333343323333333" } else { "33333333333333333" })
                    }
                    _ => None,
                };
                // Every third sheet is left to do, one of them half way; the examples are all locked.
                let late_lot = sheet.dossier.lot.as_str() > "ALI-12";
                let left = example.is_none() && index != gamma && late_lot && n % 2 == 1;
                let count = if left { if n % 2 == 0 { 8 } else { 0 } } else { criteria.len() };
                let changes = marks(&criteria[..count], |c| match example {
                    Some(digits) => i64::from(digits.as_bytes()[c] - b'0'),
                    None => invented(index, seat, c),
                });
                if count > 0 {
                    sheets::write_sheet(app, Some(&actor), sheet.id.into(), None, &changes).await?;
                }
                if !left {
                    locking::lock_sheet(app, Some(&actor), sheet.id.into(), None).await?;
                }
            }
        }
        Ok(())
    }
}

/// Answers and pieces, as the form asks for them.
pub async fn fill(
    app: &Arrival,
    call: &CallDefinition,
    actor: &Actor,
    id: DossierId,
    applicant: &Applicant,
    lot: &str,
) -> Outcome<()> {
    let answers = answers(call, applicant, lot)?;
    let saved = answers::save_answers(app, Some(actor), id, Seen::Any, &answers, OnInvalid::Refuse).await?;
    debug_assert!(saved.problems.is_empty());
    let missing = dossiers::show_dossier(app, Some(actor), id).await?.missing;
    for gap in missing.iter().filter(|g| g.kind == "piece") {
        let slot = call.slot(&gap.code).ok_or("slot")?;
        let spreadsheet = !slot.formats.contains(&ami_domain::pieces::Format::Pdf);
        let (name, bytes) = if spreadsheet {
            (format!("{}.xlsx", slot.code), ami_documents::decisions_xlsx(&[])?)
        } else {
            (
                format!("{} - {}.pdf", slot.code, applicant.name),
                plain_pdf(&format!("{} — {}", slot.code, slot.label), &applicant.name),
            )
        };
        pieces::upload_piece(app, Some(actor), id, &slot.code, &name, bytes.as_slice()).await?;
    }
    Ok(())
}

/// A mark that looks like one: the dossier's own level, the juror's own severity, and a little difference by criterion.
fn invented(dossier: usize, seat: usize, criterion: usize) -> i64 {
    let noise = (dossier * 7 + seat * 13 + criterion * 5 + dossier * criterion) % 5;
    let level = 2 + (dossier * 3 % 4) / 2;
    let severity = usize::from(seat % 4 == 3);
    i64::try_from((level + usize::from(noise > 1) + usize::from(noise > 3)).saturating_sub(severity))
        .unwrap_or(3)
        .clamp(1, 5)
}

fn marks(criteria: &[String], mark: impl Fn(usize) -> i64) -> SheetChanges {
    let mut changes = SheetChanges::default();
    for (i, code) in criteria.iter().enumerate() {
        let value = mark(i);
        changes.marks.insert(code.clone(), Some(Given::Mark(value)));
        if matches!(value, 0 | 1 | 5) {
            let words = if value == 5 {
                "Réponse complète, précise et étayée par des exemples concrets."
            } else {
                "Réponse trop brève : les moyens et le calendrier ne sont pas décrits."
            };
            changes.comments.insert(code.clone(), words.into());
        }
    }
    changes
}

/// Answers that a reader can follow, and that the form accepts.
pub fn answers(call: &CallDefinition, applicant: &Applicant, lot: &str) -> Outcome<Map<String, Value>> {
    let lot = call.lot(lot).ok_or("lot")?;
    let places = lot.capacity * (70 + i64::try_from(applicant.number)? * 2) / 100;
    let asked = (places * 1_050).min(lot.ceiling_cents / 100);
    let staff = (places / 45).max(2);
    let commune = &lot.communes[0].code;
    let text = |about: &str| {
        format!(
            "{about} — {name}, territoire {label}. Nous partons des besoins des allocataires du RSA, avec un accueil de proximité, \
             un référent unique et un rendez-vous régulier. (Texte du jeu de démonstration.)",
            name = applicant.name,
            label = lot.label
        )
    };
    let value = json!({
        "1.05": format!("{}-03-01", 2000 + applicant.number),
        "1.06": {"street": "1 place de la République", "postcode": "93000", "commune": "93008"},
        "1.08": format!("{},5", 10 + applicant.number),
        "1.09": text("Objet et activités"),
        "2.01": "Représentation légale", "2.02": "Présidence", "2.03": applicant_email(applicant.number),
        "2.04": "Direction de projet", "2.05": applicant_email(applicant.number), "2.06": "01 99 00 93 00", "2.07": false,
        "3.03": false, "3.05": format!("Agence locale d'insertion {}", lot.code), "3.06": text("Résumé"),
        "4.01": text("Diagnostic"), "4.02": text("Initiative"), "4.03": text("Parcours"), "4.04": places,
        "4.05": "2", "4.06": 12, "4.07": text("Levée des freins"), "4.08": text("Accès aux droits"),
        "4.09": text("Employeurs"), "4.10": text("Formation"), "4.11": 40 + applicant.number,
        "5.01": text("Participation"), "5.02": text("Égalité et accessibilité"),
        "5.03": [{"commune": commune, "surface": 240, "statut": "locataire", "disponibilite": "à la signature"}],
        "5.04": [{"partenaire": "Mission locale", "objet": "Orientation des moins de 26 ans", "statut": "accord_ecrit"}],
        "6.01": text("Références"),
        "6.02": [
            {"fonction": "conseiller", "etp": staff, "qualification": "CIP, titre professionnel", "poste": "a_recruter"},
            {"fonction": "encadrement", "etp": 1, "qualification": "Master", "poste": "en_poste"}
        ],
        "6.04": text("Pilotage"), "6.05": text("Protection des données"),
        "7.01": asked,
        "7.02": {"60": asked / 10, "64": asked - asked / 10, "74": asked},
        "7.04": applicant.iban, "8.02": true,
    });
    let Value::Object(mut map) = value else { return Err("answers".into()) };
    if matches!(applicant.legal_form.as_str(), "association" | "fondation") {
        map.insert("8.01".into(), json!(true));
    }
    Ok(map)
}

/// A small PDF of one page with two lines of text.
pub fn plain_pdf(title: &str, author: &str) -> Vec<u8> {
    let latin = |text: &str| -> Vec<u8> {
        text.chars()
            .flat_map(|c| match c {
                '(' | ')' | '\\' => vec![b'\\', u8::try_from(u32::from(c)).unwrap_or(b'?')],
                '—' => vec![0x97],
                '\'' | '’' => vec![b'\''],
                c => vec![u8::try_from(u32::from(c)).unwrap_or(b'?')],
            })
            .collect()
    };
    let mut content = b"BT /F1 16 Tf 60 770 Td (".to_vec();
    content.extend(latin(title));
    content.extend(b") Tj 0 -28 Td (");
    content.extend(latin(author));
    content.extend(b") Tj 0 -28 Td (");
    content.extend(latin("Pièce du jeu de démonstration : ce document est inventé."));
    content.extend(b") Tj ET");
    let mut stream = format!("<< /Length {} >>\nstream\n", content.len()).into_bytes();
    stream.extend(content);
    stream.extend(b"\nendstream");
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        stream,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n", i + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    file.extend(
        format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).into_bytes(),
    );
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_is_a_call_without_problems() {
        let call = fixture().unwrap();
        assert_eq!(call.form.fields().count(), 48);
        assert_eq!(call.grid.total_weight(), 100);
        assert_eq!(call.lots.iter().map(|l| l.capacity).sum::<i64>(), 11_500);
        assert_eq!(call.lots.iter().map(|l| l.ceiling_cents).sum::<i64>(), call.envelope_cents);
        assert_eq!(Accounts::all().applicants.len(), 12);
    }
}
