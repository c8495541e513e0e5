//! The form and the pieces of a call: every reference that points nowhere, every limit that nothing can meet.

use std::collections::BTreeSet;

use super::CallDefinition;
use super::check::{Limits, Problem, key, unique};
use crate::form::{Choice, Column, Condition, Field, FieldKind, Form, Quotient, Requirement};

/// Words that lead people to write of health, beliefs, convictions or of others by name (RGPD, articles 9 and 10).
const SENSITIVE: [&str; 17] = [
    "état de santé",
    "maladie",
    "pathologie",
    "religi",
    "confession",
    "croyance",
    "opinion politique",
    "opinions politiques",
    "syndicat",
    "syndicale",
    "ethni",
    "orientation sexuelle",
    "casier judiciaire",
    "condamnation",
    "sécurité sociale",
    "génétique",
    "biométri",
];

/// Looks at the form, and at the rules that name its fields.
pub(super) fn check(call: &CallDefinition, found: &mut Vec<Problem>) {
    let form = &call.form;
    named_fields(call, found);
    if form.sections.is_empty() {
        found.push(Problem::error("/form/sections", "none"));
    }
    let later = form.shown_by_later();
    let mut codes = Vec::new();
    for (s, section) in form.sections.iter().enumerate() {
        let at = format!("/form/sections/{s}");
        key(&format!("{at}/code"), &section.code, found);
        if section.title.trim().is_empty() {
            found.push(Problem::error(&format!("{at}/title"), "empty"));
        }
        if section.fields.is_empty() {
            found.push(Problem::error(&format!("{at}/fields"), "none"));
        }
        for (f, field) in section.fields.iter().enumerate() {
            let at = format!("{at}/fields/{f}");
            codes.push((format!("{at}/code"), field.code.as_str()));
            key(&format!("{at}/code"), &field.code, found);
            question(&at, field, found);
            requirement(&format!("{at}/required"), &field.required, call, found);
            if let Some(shown) = &field.shown_when {
                let at = format!("{at}/shown_when");
                condition(&at, shown, form, found);
                for (_, named) in
                    later.iter().filter(|(code, named)| *code == field.code && form.field(named).is_some())
                {
                    found.push(Problem::error(&at, "condition-later").with("field", named));
                }
            }
            kind(&at, &field.kind, call, found);
        }
    }
    unique(codes, found);
    let sections = form.sections.iter().enumerate();
    unique(sections.map(|(s, section)| (format!("/form/sections/{s}/code"), section.code.as_str())), found);
}

fn named_fields(call: &CallDefinition, found: &mut Vec<Problem>) {
    let (rules, form) = (&call.rules, &call.form);
    if !matches!(form.field(&rules.name_field).map(|f| &f.kind), Some(FieldKind::Text { .. })) {
        found.push(Problem::error("/rules/name_field", "name-field").with("field", &rules.name_field));
    }
    for (name, field) in [("title_field", &rules.title_field), ("summary_field", &rules.summary_field)] {
        let Some(field) = field else { continue };
        let kind = form.field(field).map(|f| &f.kind);
        if !matches!(kind, Some(FieldKind::Text { .. } | FieldKind::LongText { .. })) {
            found.push(Problem::error(&format!("/rules/{name}"), "text-field").with("field", field));
        }
    }
    let Some(FieldKind::Choice { options }) = form.field(&rules.legal_form_field).map(|f| &f.kind) else {
        found.push(Problem::error("/rules/legal_form_field", "form-field").with("field", &rules.legal_form_field));
        return;
    };
    if rules.eligible_forms.is_empty() {
        found.push(Problem::error("/rules/eligible_forms", "none"));
    }
    for (i, form) in rules.eligible_forms.iter().enumerate() {
        if !options.iter().any(|o| o.value == *form) {
            let problem = Problem::error(&format!("/rules/eligible_forms/{i}"), "eligible-form");
            found.push(problem.with("value", form).with("field", &rules.legal_form_field));
        }
    }
}

fn question(at: &str, field: &Field, found: &mut Vec<Problem>) {
    if field.label.trim().is_empty() {
        found.push(Problem::error(&format!("{at}/label"), "empty"));
    }
    let asked = format!("{} {}", field.label, field.help.as_deref().unwrap_or_default()).to_lowercase();
    if let Some(word) = SENSITIVE.iter().find(|word| asked.contains(**word)) {
        found.push(Problem::warning(&format!("{at}/label"), "sensitive").with("word", word));
    }
}

/// Whether an answer is a number. What is worked out is none: only what was typed is read.
fn is_number(kind: &FieldKind) -> bool {
    use FieldKind::{Amount, Decimal, Integer, Percentage};
    matches!(kind, Decimal { .. } | Integer { .. } | Percentage | Amount { .. })
}

/// Says when a condition names a field that there is not, or one of another kind.
fn requirement(at: &str, requirement: &Requirement, call: &CallDefinition, found: &mut Vec<Problem>) {
    if let Requirement::When(when) = requirement {
        condition(at, when, &call.form, found);
    }
}

fn condition(at: &str, when: &Condition, form: &Form, found: &mut Vec<Problem>) {
    let of = |field: &str| form.field(field).map(|f| &f.kind);
    let (field, fits) = match when {
        Condition::Any(all) | Condition::All(all) => {
            if all.is_empty() {
                found.push(Problem::error(at, "condition-empty"));
            }
            return all.iter().for_each(|c| condition(at, c, form, found));
        }
        Condition::Not(inner) => return condition(at, inner, form, found),
        Condition::OneOf { field, values } => {
            if let Some(FieldKind::Choice { options }) = of(field) {
                for value in values.iter().filter(|v| !options.iter().any(|o| o.value == **v)) {
                    found.push(Problem::error(at, "condition-value").with("value", value).with("field", field));
                }
                return;
            }
            (field, false)
        }
        Condition::Yes(field) => (field, matches!(of(field), Some(FieldKind::YesNo))),
        Condition::Above { field, .. } => (field, of(field).is_some_and(is_number)),
        Condition::MonthsBeforeClosing { field, .. } => (field, matches!(of(field), Some(FieldKind::Date { .. }))),
        Condition::DepartmentIn { field, .. } => (field, matches!(of(field), Some(FieldKind::Address))),
    };
    if !fits {
        let code = if of(field).is_some() { "condition-kind" } else { "condition-field" };
        found.push(Problem::error(at, code).with("field", field));
    }
}

fn kind(at: &str, kind: &FieldKind, call: &CallDefinition, found: &mut Vec<Problem>) {
    let here = |name: &str| format!("{at}/{name}");
    match kind {
        FieldKind::Text { max } | FieldKind::LongText { max } | FieldKind::Url { max }
            if !(1..=100_000).contains(max) =>
        {
            found.push(Problem::error(&here("max"), "range").with("min", 1).with("max", 100_000));
        }
        FieldKind::OrderedLots { max } if *max == 0 || *max > 100 => {
            found.push(Problem::error(&here("max"), "range").with("min", 1).with("max", 100));
        }
        FieldKind::Choice { options } => choices(&here("options"), options, found),
        FieldKind::Decimal { min, max } if min > max => found.push(Problem::error(&here("max"), "max-below-min")),
        FieldKind::Integer { min, max, capacity_percent } => {
            if matches!((min, max), (Some(min), Some(max)) if min > max) {
                found.push(Problem::error(&here("max"), "max-below-min"));
            }
            if capacity_percent.is_some_and(|(low, high)| low < 0 || low > high) {
                found.push(Problem::error(&here("capacity_percent"), "max-below-min"));
            }
            let no_places = call.lots.iter().any(|lot| lot.capacity == 0);
            if capacity_percent.is_some() && no_places {
                found.push(Problem::error(&here("capacity_percent"), "no-capacity"));
            }
        }
        FieldKind::Amount { within_lot_ceiling: true } if call.lots.iter().any(|lot| lot.ceiling_cents == 0) => {
            found.push(Problem::error(&here("within_lot_ceiling"), "no-ceiling"));
        }
        FieldKind::LotCommune => perimeter(at, call, found),
        FieldKind::Table { .. } => table(at, kind, call, found),
        FieldKind::Budget { charges, products } => {
            choices(&here("charges"), charges, found);
            choices(&here("products"), products, found);
            let both = charges.iter().chain(products).map(|c| (here("products"), c.value.as_str()));
            unique(both, found);
        }
        FieldKind::Computed { formula } => quotient(&here("formula"), formula, &call.form, found),
        _ => {}
    }
}

fn perimeter(at: &str, call: &CallDefinition, found: &mut Vec<Problem>) {
    if let Some(lot) = call.lots.iter().find(|lot| lot.communes.is_empty()) {
        found.push(Problem::error(&format!("{at}/type"), "no-communes").with("lot", &lot.code));
    }
}

fn choices(at: &str, options: &[Choice], found: &mut Vec<Problem>) {
    if options.is_empty() {
        found.push(Problem::error(at, "none"));
    }
    for (i, option) in options.iter().enumerate() {
        for (name, text) in [("value", &option.value), ("label", &option.label)] {
            if text.trim().is_empty() {
                found.push(Problem::error(&format!("{at}/{i}/{name}"), "empty"));
            }
        }
    }
    unique(options.iter().enumerate().map(|(i, o)| (format!("{at}/{i}/value"), o.value.as_str())), found);
}

fn table(at: &str, table: &FieldKind, call: &CallDefinition, found: &mut Vec<Problem>) {
    let FieldKind::Table { min_rows, max_rows, columns, sum_below } = table else { return };
    if *max_rows == 0 || *max_rows > 200 {
        found.push(Problem::error(&format!("{at}/max_rows"), "range").with("min", 1).with("max", 200));
    }
    if min_rows > max_rows {
        found.push(Problem::error(&format!("{at}/max_rows"), "max-below-min"));
    }
    if columns.is_empty() {
        found.push(Problem::error(&format!("{at}/columns"), "none"));
    }
    for (i, column) in columns.iter().enumerate() {
        let at = format!("{at}/columns/{i}");
        key(&format!("{at}/code"), &column.code, found);
        if column.label.trim().is_empty() {
            found.push(Problem::error(&format!("{at}/label"), "empty"));
        }
        cell(&at, column, call, found);
    }
    unique(columns.iter().enumerate().map(|(i, c)| (format!("{at}/columns/{i}/code"), c.code.as_str())), found);
    if let Some(sum) = sum_below
        && !columns.iter().any(|c| c.code == sum.column && is_number(&c.kind))
    {
        found.push(Problem::error(&format!("{at}/sum_below/column"), "sum-column").with("column", &sum.column));
    }
}

fn cell(at: &str, column: &Column, call: &CallDefinition, found: &mut Vec<Problem>) {
    use FieldKind::{Address, Budget, Checkbox, Computed, Lot, OrderedLots, Table};
    if matches!(
        column.kind,
        Table { .. } | Budget { .. } | Computed { .. } | Checkbox | Lot | OrderedLots { .. } | Address
    ) {
        found.push(Problem::error(&format!("{at}/type"), "nested"));
        return;
    }
    kind(at, &column.kind, call, found);
}

fn quotient(at: &str, formula: &Quotient, form: &Form, found: &mut Vec<Problem>) {
    let of = |field: &str| form.field(field).map(|f| &f.kind);
    let mut nowhere = |name: &str, field: &str| {
        found.push(Problem::error(&format!("{at}/{name}"), "formula-field").with("field", field));
    };
    if !of(&formula.numerator).is_some_and(is_number) {
        nowhere("numerator", &formula.numerator);
    }
    let Some(column) = &formula.column else {
        if !of(&formula.denominator).is_some_and(is_number) {
            nowhere("denominator", &formula.denominator);
        }
        return;
    };
    let Some(FieldKind::Table { columns, .. }) = of(&formula.denominator) else {
        return nowhere("denominator", &formula.denominator);
    };
    if !columns.iter().any(|c| c.code == *column && is_number(&c.kind)) {
        nowhere("column", column);
    }
    if let Some((kept, value)) = &formula.rows_where {
        let options = columns.iter().find(|c| c.code == *kept).and_then(|c| match &c.kind {
            FieldKind::Choice { options } => Some(options),
            _ => None,
        });
        if !options.is_some_and(|options| options.iter().any(|o| o.value == *value)) {
            nowhere("rows_where", &format!("{kept} = {value}"));
        }
    }
}

/// Looks at the pieces.
pub(super) fn check_pieces(call: &CallDefinition, limits: &Limits, found: &mut Vec<Problem>) {
    for (i, slot) in call.pieces.iter().enumerate() {
        let at = |name: &str| format!("/pieces/{i}/{name}");
        key(&at("code"), &slot.code, found);
        if slot.label.trim().is_empty() {
            found.push(Problem::error(&at("label"), "empty"));
        }
        if slot.formats.is_empty() {
            found.push(Problem::error(&at("formats"), "none"));
        }
        let megabytes = |bytes: u64| bytes / 1_000_000;
        if slot.max_bytes == 0 {
            found.push(Problem::error(&at("max_bytes"), "positive"));
        } else if slot.max_bytes > limits.file_bytes {
            found.push(Problem::error(&at("max_bytes"), "slot-limit").with("max", megabytes(limits.file_bytes)));
        } else if slot.max_bytes > call.dossier_max_bytes {
            found.push(Problem::error(&at("max_bytes"), "slot-dossier").with("max", megabytes(call.dossier_max_bytes)));
        }
        if slot.max_files == 0 {
            found.push(Problem::error(&at("max_files"), "positive"));
        }
        requirement(&at("required"), &slot.required, call, found);
    }
    unique(call.pieces.iter().enumerate().map(|(i, s)| (format!("/pieces/{i}/code"), s.code.as_str())), found);
    let fields: BTreeSet<&str> = call.form.fields().map(|f| f.code.as_str()).collect();
    for (i, slot) in call.pieces.iter().enumerate().filter(|(_, s)| fields.contains(s.code.as_str())) {
        found.push(Problem::error(&format!("/pieces/{i}/code"), "twice").with("value", &slot.code));
    }
    if call.dossier_max_bytes == 0 && !call.pieces.is_empty() {
        found.push(Problem::error("/dossier_max_bytes", "positive"));
    }
}
