//! Questions and answers to read whole, as words: a dossier before and after its deposit, and what a call asks before any account.

use ami_database::deposits;
use ami_documents::{BookletDocument, BookletEntry, BookletPart, booklet_pdf};
use ami_domain::answer::{Address, Answer};
use ami_domain::call::{CallDefinition, Class, Lot};
use ami_domain::completeness;
use ami_domain::deposit::sha256_hex;
use ami_domain::form::{Choice, Field, FieldKind, Requirement};
use ami_domain::ids::DossierId;
use ami_domain::policy::{Action, decide};
use jiff::Timestamp;
use serde::Serialize;

use crate::calls::{CallView, show_call};
use crate::contents::{Loaded, load_deposit, load_draft, load_filed};
use crate::documents::NamedFile;
use crate::{Actor, Arrival, Error, Result, about};

/// A dossier to read whole.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// The dossier's number.
    pub number: String,
    /// The call's code.
    pub call: String,
    /// The call's title.
    pub call_title: String,
    /// The deposit that it is; `None` for a draft.
    pub version: Option<i64>,
    /// When it was filed.
    pub deposited_at: Option<Timestamp>,
    /// Who applies, for which lot: label and value.
    pub facts: Vec<(String, String)>,
    /// The sections, with their questions.
    pub sections: Vec<ReadSection>,
    /// The files: slot, label, name, size.
    pub pieces: Vec<ReadPiece>,
}

/// A section.
#[derive(Debug, Clone, Serialize)]
pub struct ReadSection {
    /// Its title.
    pub title: String,
    /// What is asked there.
    pub entries: Vec<ReadEntry>,
}

/// A question, with its answer where there is one.
#[derive(Debug, Clone, Serialize)]
pub struct ReadEntry {
    /// The field's code.
    pub code: String,
    /// The question.
    pub label: String,
    /// What is expected, or who does not see it.
    pub hint: String,
    /// The answer in words; empty when there is none.
    pub text: String,
    /// The answer as a table: headings and rows.
    pub table: Option<(Vec<String>, Vec<Vec<String>>)>,
}

/// A file.
#[derive(Debug, Clone, Serialize)]
pub struct ReadPiece {
    /// The slot's code.
    pub slot: String,
    /// What was asked for.
    pub label: String,
    /// The file's name; formats and limits where none was sent yet.
    pub name: String,
    /// Its size in words.
    pub size: String,
    /// Whether jurors do not see it.
    pub hidden_from_jury: bool,
}

/// A dossier to read whole, for its applicant: the draft while there is one, else what was filed; or one of its deposits.
pub async fn read_dossier(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<Reading> {
    let conn = app.database.read();
    let (call, dossier) = app.dossier(id).await?;
    decide(Action::ReadOwnDossier, who, &about(app.at, &call, &dossier))?;
    let lines = deposits::of_dossier(conn, id).await?;
    let (loaded, deposit) = match version {
        Some(version) => {
            let line = lines.iter().find(|l| l.version == version).ok_or_else(Error::not_found)?;
            (load_deposit(conn, call, dossier, line.id).await?, Some((line.version, line.at)))
        }
        None if dossier.is_editable() => (load_draft(app.at, conn, call, dossier).await?, None),
        None => {
            let filing = dossier.filing();
            let line = lines.iter().find(|l| filing.is_some_and(|f| f.deposit == l.id)).map(|l| (l.version, l.at));
            (load_filed(conn, call, dossier).await?, line)
        }
    };
    Ok(reading(&loaded, deposit))
}

/// The same as PDF.
pub async fn dossier_pdf(app: &Arrival, who: Option<&Actor>, id: DossierId, version: Option<i64>) -> Result<NamedFile> {
    let read = read_dossier(app, who, id, version).await?;
    let call = show_call(app, who, &read.call).await?;
    let state = read.version.map_or_else(|| "brouillon".to_owned(), |v| format!("v{v}"));
    let name = format!("dossier-{}-{state}.pdf", read.number);
    let pieces = read.pieces.iter().map(|p| BookletEntry {
        label: format!("{} — {}", p.slot, p.label),
        hint: if p.hidden_from_jury { HIDDEN.to_owned() } else { String::new() },
        text: format!("{} ({})", p.name, p.size),
        table: None,
    });
    let mut parts = parts(&read.sections);
    parts.push(BookletPart { title: "Pièces jointes".into(), entries: pieces.collect() });
    let document = BookletDocument {
        authority: call.definition.authority.name.clone(),
        title: format!("Dossier {}", read.number),
        subtitle: read.call_title.clone(),
        notice: match read.deposited_at {
            Some(at) => format!("Déposé le {}", ami_views::date_time(at)),
            None => "Brouillon — non déposé. Seul le bouton « Déposer » transmet la candidature.".into(),
        },
        facts: read.facts.clone(),
        parts,
        at: read.deposited_at.unwrap_or(app.at),
        identity: sha256_hex(&serde_json::to_vec(&read).map_err(Error::internal)?),
        demonstration: call.definition.demonstration,
    };
    draw(app, name, document).await
}

async fn draw(app: &Arrival, name: String, document: BookletDocument) -> Result<NamedFile> {
    let bytes = app.cores.run(move || booklet_pdf(&document).map_err(Error::internal)).await?;
    Ok(NamedFile { name, bytes })
}

/// What jurors do not see.
const HIDDEN: &str = "Masqué aux membres du jury.";

fn parts(sections: &[ReadSection]) -> Vec<BookletPart> {
    let entry = |e: &ReadEntry| BookletEntry {
        label: format!("{} — {}", e.code, e.label),
        hint: e.hint.clone(),
        text: e.text.clone(),
        table: e.table.clone(),
    };
    let part = |s: &ReadSection| BookletPart { title: s.title.clone(), entries: s.entries.iter().map(entry).collect() };
    sections.iter().map(part).collect()
}

fn reading(loaded: &Loaded, deposit: Option<(i64, Timestamp)>) -> Reading {
    let definition = &*loaded.definition;
    let asked = definition.form.asked(&loaded.answers, definition.calendar.closing_day());
    let computed = completeness::computed(definition, &loaded.answers);
    let lot = definition.lot(&loaded.dossier.lot);
    let sections = definition.form.sections.iter().enumerate().map(|(n, section)| {
        let fields = section.fields.iter().filter(|f| !asked.hidden.contains(f.code.as_str()));
        let entries = fields.map(|field| {
            let answer = asked.answers.get(&field.code).cloned();
            let answer = answer.or_else(|| computed.get(&field.code).map(|n| Answer::Decimal(*n)));
            let (text, table) = answer.as_ref().map_or_else(
                || ("Sans réponse".to_owned(), None),
                |answer| words(definition, lot, &field.kind, answer),
            );
            let invalid = loaded.invalid.get(&field.code).map(|_| "À corriger : cette réponse n'est pas valable.");
            let hint =
                invalid.or_else(|| (field.class() > Class::Jury).then_some(HIDDEN)).unwrap_or_default().to_owned();
            ReadEntry { code: field.code.clone(), label: field.label.clone(), hint, text, table }
        });
        ReadSection { title: format!("{}. {}", n + 1, section.title), entries: entries.collect() }
    });
    let applicant = &loaded.applicant;
    let lot_label = lot.map_or_else(String::new, |l| l.label.clone());
    let pieces = loaded.pieces.iter().map(|p| {
        let slot = definition.slot(&p.slot);
        ReadPiece {
            slot: p.slot.clone(),
            label: slot.map_or_else(String::new, |s| s.label.clone()),
            name: p.name.clone(),
            size: ami_views::size(p.size),
            hidden_from_jury: slot.is_some_and(|s| s.class() > Class::Jury),
        }
    });
    Reading {
        number: definition.dossier_number(loaded.dossier.number),
        call: definition.code.clone(),
        call_title: definition.title.clone(),
        version: deposit.map(|(version, _)| version),
        deposited_at: deposit.map(|(_, at)| at),
        facts: vec![
            ("Lot".into(), format!("{} — {lot_label}", loaded.dossier.lot)),
            ("Structure".into(), applicant.name.clone()),
            ("SIRET".into(), ami_views::siret(&applicant.siret)),
            ("Forme".into(), ami_views::word("form", &applicant.legal_form)),
        ],
        sections: sections.collect(),
        pieces: pieces.collect(),
    }
}

type Words = (String, Option<(Vec<String>, Vec<Vec<String>>)>);

/// An answer in words, as the pages of the jury say it.
fn words(definition: &CallDefinition, lot: Option<&Lot>, kind: &FieldKind, answer: &Answer) -> Words {
    match (kind, answer) {
        (FieldKind::Table { columns, .. }, Answer::Table(rows)) => {
            let headings = columns.iter().map(|c| c.label.clone()).collect();
            let cell = |row: &ami_domain::answer::Row, c: &ami_domain::form::Column| {
                row.get(&c.code).map_or_else(String::new, |a| line(definition, lot, &c.kind, a))
            };
            let rows = rows.iter().map(|row| columns.iter().map(|c| cell(row, c)).collect()).collect();
            (String::new(), Some((headings, rows)))
        }
        (FieldKind::Budget { charges, products }, Answer::Budget(amounts)) => {
            let mut rows = Vec::new();
            for (side, choices) in [("Charges", charges), ("Produits", products)] {
                let mut total = 0_i64;
                for choice in choices {
                    let Some(cents) = amounts.get(&choice.value) else { continue };
                    total = total.saturating_add(*cents);
                    rows.push(vec![side.to_owned(), choice.label.clone(), ami_views::money(*cents)]);
                }
                rows.push(vec![side.to_owned(), "Total".into(), ami_views::money(total)]);
            }
            (String::new(), Some((vec!["Côté".into(), "Compte".into(), "Montant".into()], rows)))
        }
        _ => (line(definition, lot, kind, answer), None),
    }
}

/// An answer as one text: the rows of a table one below the other.
pub(crate) fn plain(definition: &CallDefinition, lot: Option<&Lot>, kind: &FieldKind, answer: &Answer) -> String {
    match words(definition, lot, kind, answer) {
        (_, Some((headings, rows))) => {
            let row = |row: &Vec<String>| {
                headings
                    .iter()
                    .zip(row)
                    .map(|(heading, cell)| format!("{heading} : {cell}"))
                    .collect::<Vec<_>>()
                    .join(" ; ")
            };
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        }
        (text, None) => text,
    }
}

/// An answer that fits a line, or the paragraphs of a text.
fn line(definition: &CallDefinition, lot: Option<&Lot>, kind: &FieldKind, answer: &Answer) -> String {
    let label = |options: &[Choice], value: &str| {
        options.iter().find(|o| o.value == value).map_or_else(|| value.to_owned(), |o| o.label.clone())
    };
    let lot_name = |code: &str| match definition.lot(code) {
        Some(lot) => format!("{code} — {}", lot.label),
        None => code.to_owned(),
    };
    match (kind, answer) {
        (FieldKind::Siret, Answer::Text(text)) => ami_views::siret(text),
        (FieldKind::Iban, Answer::Text(text)) => ami_views::iban(text),
        (FieldKind::Choice { options }, Answer::Choice(value)) => label(options, value),
        (FieldKind::Lot, Answer::Choice(code)) => lot_name(code),
        (FieldKind::LotCommune, Answer::Choice(code)) => {
            let known = lot.and_then(|l| l.communes.iter().find(|c| c.code == *code || c.aliases.contains(code)));
            known.map_or_else(|| code.clone(), |c| format!("{} ({code})", c.name))
        }
        (FieldKind::Percentage, Answer::Decimal(n)) => format!("{n}\u{a0}%"),
        (_, Answer::Text(text) | Answer::Choice(text)) => text.clone(),
        (_, Answer::YesNo(yes)) => (if *yes { "Oui" } else { "Non" }).to_owned(),
        (_, Answer::Date(day)) => day.strftime("%d/%m/%Y").to_string(),
        (_, Answer::Integer(n)) => ami_views::integer(*n),
        (_, Answer::Decimal(n)) => n.to_string(),
        (_, Answer::Amount(cents)) => ami_views::money(*cents),
        (_, Answer::Address(Address { street, postcode, commune })) => format!("{street}, {postcode} ({commune})"),
        (_, Answer::Lots(codes)) => codes.iter().map(|c| lot_name(c)).collect::<Vec<_>>().join("\n"),
        (_, Answer::Accepted(at)) => format!("Engagement pris le {}", ami_views::date_time(*at)),
        (_, Answer::Table(rows)) => format!("{} lignes", rows.len()),
        (_, Answer::Budget(amounts)) => format!("{} comptes", amounts.len()),
    }
}

/// What a call asks, to be read before any account.
#[derive(Debug, Clone, Serialize)]
pub struct Questions {
    /// The call.
    pub call: CallView,
    /// The sections, with what is expected of each answer.
    pub sections: Vec<ReadSection>,
    /// The files that are asked for.
    pub pieces: Vec<ReadPiece>,
}

/// What a call asks: every question with what is expected, and the files.
pub async fn read_questions(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<Questions> {
    let call = show_call(app, who, code).await?;
    let definition = &*call.definition;
    let sections = definition.form.sections.iter().enumerate().map(|(n, section)| {
        let entries = section.fields.iter().filter(|f| f.is_typed()).map(question);
        ReadSection { title: format!("{}. {}", n + 1, section.title), entries: entries.collect() }
    });
    let pieces = definition.pieces.iter().map(|s| ReadPiece {
        slot: s.code.clone(),
        label: s.label.clone(),
        name: format!("{}, {} au plus", s.formats_label(), ami_views::size(s.max_bytes)),
        size: when(&s.required).to_owned(),
        hidden_from_jury: s.class() > Class::Jury,
    });
    Ok(Questions { sections: sections.collect(), pieces: pieces.collect(), call: call.clone() })
}

const fn when(required: &Requirement) -> &'static str {
    match required {
        Requirement::Always => "obligatoire",
        Requirement::When(_) => "selon votre situation",
        Requirement::Never => "facultatif",
    }
}

/// A question with what is expected of its answer.
fn question(field: &Field) -> ReadEntry {
    let expected = match &field.kind {
        FieldKind::Text { max } | FieldKind::LongText { max } => {
            format!("{} caractères au plus", ami_views::integer(i64::try_from(*max).unwrap_or(i64::MAX)))
        }
        FieldKind::Choice { options } => options.iter().map(|o| o.label.as_str()).collect::<Vec<_>>().join(" ; "),
        FieldKind::YesNo => "oui ou non".into(),
        FieldKind::Decimal { min, max } => format!("de {min} à {max}"),
        FieldKind::Integer { capacity_percent: Some((low, high)), .. } => {
            format!("de {low} % à {high} % des places du lot")
        }
        FieldKind::Integer { min: Some(min), max: Some(max), .. } => format!("de {min} à {max}"),
        FieldKind::Percentage => "de 0 à 100".into(),
        FieldKind::Amount { within_lot_ceiling: true } => "en euros, sous le plafond du lot".into(),
        FieldKind::Amount { .. } => "en euros".into(),
        FieldKind::OrderedLots { max } => format!("{max} lots au plus, par ordre de préférence"),
        FieldKind::Table { min_rows, max_rows, .. } => format!("tableau de {min_rows} à {max_rows} lignes"),
        FieldKind::Budget { .. } => "montants par compte ; charges et produits égaux".into(),
        FieldKind::Checkbox => "engagement à cocher".into(),
        _ => String::new(),
    };
    let hidden = (field.class() > Class::Jury).then_some("masqué aux membres du jury");
    let hints = [when(&field.required), expected.as_str(), hidden.unwrap_or_default()];
    let hint = hints.iter().filter(|h| !h.is_empty()).copied().collect::<Vec<_>>().join(" · ");
    let table = match &field.kind {
        FieldKind::Table { columns, .. } => {
            let line = |c: &ami_domain::form::Column| {
                vec![c.label.clone(), (if c.optional { "facultatif" } else { "à remplir" }).to_owned()]
            };
            Some((vec!["Colonne".into(), "Réponse".into()], columns.iter().map(line).collect()))
        }
        FieldKind::Budget { charges, products } => {
            let side = |name: &'static str, side: &[Choice]| {
                side.iter().map(|c| vec![name.to_owned(), c.label.clone()]).collect::<Vec<_>>()
            };
            Some((
                vec!["Côté".into(), "Compte".into()],
                [side("Charges", charges), side("Produits", products)].concat(),
            ))
        }
        _ => None,
    };
    ReadEntry {
        code: field.code.clone(),
        label: field.label.clone(),
        hint,
        text: field.help.clone().unwrap_or_default(),
        table,
    }
}

/// The same as PDF, with the rules: who may apply for what, the criteria, the remedies.
pub async fn questions_pdf(app: &Arrival, who: Option<&Actor>, code: &str) -> Result<NamedFile> {
    let asked = read_questions(app, who, code).await?;
    let definition = &*asked.call.definition;
    let mut parts = vec![rules(definition)];
    parts.extend(self::parts(&asked.sections));
    let pieces = asked.pieces.iter().map(|p| BookletEntry {
        label: format!("{} — {}", p.slot, p.label),
        hint: format!("{} · {}", p.size, p.name),
        text: String::new(),
        table: None,
    });
    parts.push(BookletPart { title: "Pièces demandées".into(), entries: pieces.collect() });
    let name = format!("{}-reglement-et-questions.pdf", definition.code);
    let service = &definition.service;
    let document = BookletDocument {
        authority: definition.authority.name.clone(),
        title: "Règlement, questions et pièces".into(),
        subtitle: definition.title.clone(),
        notice: format!(
            "Dépôt du {} au {}.",
            ami_views::date_time(definition.calendar.opens),
            ami_views::date_time(definition.calendar.closes)
        ),
        facts: vec![
            ("Appel".into(), format!("{}, version {}", definition.code, asked.call.version)),
            ("Service".into(), service.name.clone()),
            ("Contact".into(), format!("{}, {}, {}", service.address, service.email, service.phone)),
        ],
        parts,
        at: definition.calendar.opens,
        identity: format!("{name} version {}", asked.call.version),
        demonstration: definition.demonstration,
    };
    draw(app, name, document).await
}

/// What binds: who may apply for how much, and by what a dossier is marked.
fn rules(definition: &CallDefinition) -> BookletPart {
    let text = |label: &str, text: String| BookletEntry { label: label.into(), hint: String::new(), text, table: None };
    let forms = definition.rules.eligible_forms.iter();
    let forms: Vec<String> = forms.map(|f| ami_views::word("form", f)).collect();
    let lots = definition.lots.iter().map(|l| {
        vec![l.code.clone(), l.label.clone(), ami_views::integer(l.capacity), ami_views::money(l.ceiling_cents)]
    });
    let criteria = definition.grid.criteria().map(|c| vec![c.code.clone(), c.label.clone(), c.weight.to_string()]);
    let rules = &definition.rules;
    let remedies = definition.text("remedies", &[("tribunal", &rules.court)]).unwrap_or_default();
    BookletPart {
        title: "Règlement".into(),
        entries: vec![
            text("Objet", definition.subject.clone()),
            text("Qui peut candidater", forms.join(" ; ")),
            text(
                "Lots",
                format!(
                    "Un dossier par lot ; {} lots demandés au plus par candidat, {} attribués au plus.",
                    rules.max_lots_requested, rules.max_lots_awarded
                ),
            ),
            BookletEntry {
                table: Some((
                    vec!["Lot".into(), "Territoire".into(), "Places".into(), "Plafond annuel".into()],
                    lots.collect(),
                )),
                ..text("", String::new())
            },
            BookletEntry {
                table: Some((vec!["Code".into(), "Critère".into(), "Points".into()], criteria.collect())),
                ..text("Critères et pondération", String::new())
            },
            text("Voies de recours", remedies),
        ],
    }
}
