//! Which settings stand on which page, and in which groups.

use ami_domain::call::{Draft, KINDS, TEXTS};
use ami_domain::pieces::Format;
use ami_services::organisations::LEGAL_FORMS;
use serde_json::{Value, json};

use super::rows::{Choice, Kind, Row};
use super::{Add, Group, Link, href, word};

/// The words for a setting: under the names on its pointer, without the numbers.
fn key(pointer: &str) -> String {
    let names = pointer.split('/').skip(1).filter(|n| n.parse::<usize>().is_err());
    format!("set-{}", names.collect::<Vec<_>>().join("-").replace('_', "-"))
}

/// What a setting is called, where it has a name of its own.
pub(super) fn label(pointer: &str) -> Option<String> {
    if let Some(name) = pointer.strip_prefix("/texts/") {
        return ami_views::message(&format!("text-{}", name.replace('_', "-")), &[]);
    }
    ami_views::message(&key(pointer), &[])
}

fn words(pointer: &str) -> (String, String) {
    let key = key(pointer);
    (word(&key), ami_views::message(&format!("{key}-hint"), &[]).unwrap_or_default())
}

fn row(draft: &Draft, at: &str, name: &str, kind: Kind) -> Row {
    let id = format!("{at}/{name}");
    let said = words(&id);
    Row::of(draft, id, kind, said)
}

fn rows(draft: &Draft, at: &str, all: &[(&str, Kind)]) -> Vec<Row> {
    all.iter().map(|(name, kind)| row(draft, at, name, *kind)).collect()
}

fn count(draft: &Draft, list: &str) -> usize {
    draft.get(list).and_then(Value::as_array).map_or(0, Vec::len)
}

fn choice(value: &str, label: impl Into<String>) -> Choice {
    Choice { value: value.to_owned(), label: label.into() }
}

/// The questions of the form, to be chosen.
fn questions(draft: &Draft) -> Vec<Choice> {
    let sketch = draft.sketch();
    sketch.form.fields().map(|f| choice(&f.code, format!("{} — {}", f.code, f.label))).collect()
}

fn measures(draft: &Draft) -> Vec<Choice> {
    let sketch = draft.sketch();
    let mut all = vec![choice("total", word("measure-total"))];
    for group in &sketch.grid.groups {
        all.push(choice(&format!("group:{}", group.code), format!("{} — {}", group.code, group.label)));
        for c in &group.criteria {
            all.push(choice(&format!("criterion:{}", c.code), format!("{} — {}", c.code, c.label)));
        }
    }
    let numbers = sketch.form.fields().filter(|f| {
        use ami_domain::form::FieldKind::{Amount, Computed, Decimal, Integer, Percentage};
        matches!(f.kind, Amount { .. } | Computed { .. } | Decimal { .. } | Integer { .. } | Percentage)
    });
    all.extend(numbers.map(|f| choice(&format!("field:{}", f.code), format!("{} — {}", f.code, f.label))));
    all
}

/// The sum of the weights that can be read.
pub(super) fn weights(draft: &Draft) -> i64 {
    i64::try_from(draft.sketch().grid.total_weight()).unwrap_or(i64::MAX)
}

/// The settings of a part, or of one item of it.
pub(super) fn groups(draft: &Draft, code: &str, part: &str, item: &str) -> Vec<Group> {
    match part {
        "identity" => identity(draft),
        "calendar" => calendar(draft),
        "rules" => rules(draft),
        "lots" => lots(draft),
        "form" if item.is_empty() => form(draft, code),
        "form" => question(draft, item),
        "pieces" => pieces(draft),
        "grid" => grid(draft),
        _ => texts(draft),
    }
}

/// What may be added to a part.
pub(super) fn adds(part: &str, item: &str) -> Vec<Add> {
    let list = match part {
        "calendar" => "/calendar/milestones",
        "lots" => "/lots",
        "form" if item.is_empty() => "/form/sections",
        "pieces" => "/pieces",
        "grid" => return vec![add("/grid/groups"), add("/grid/thresholds"), add("/grid/ties")],
        _ => return vec![],
    };
    vec![add(list)]
}

fn add(pointer: &str) -> Add {
    let label = word(&format!("{}-add", key(pointer)));
    Add { pointer: pointer.to_owned(), label, kinds: Vec::new() }
}

fn identity(draft: &Draft) -> Vec<Group> {
    use Kind::{Area, Money, Text, Whole};
    let top = [
        ("title", Text),
        ("number_prefix", Text),
        ("subject", Area),
        ("duration_years", Whole),
        ("envelope_cents", Money),
        ("place_price_cents", Money),
    ];
    let group = |name: &str, all: &[(&str, Kind)]| {
        let at = if name.is_empty() { String::new() } else { format!("/{name}") };
        let title = word(&format!("group-{}", if name.is_empty() { "call" } else { name }));
        Group { title, rows: rows(draft, &at, all), ..Group::default() }
    };
    vec![
        group("", &top),
        group("authority", &[("name", Text), ("siren", Text), ("siret", Text)]),
        group("service", &[("name", Text), ("address", Text), ("email", Text), ("phone", Text)]),
    ]
}

fn calendar(draft: &Draft) -> Vec<Group> {
    use Kind::{Flag, Instant, MaybeInstant, Text};
    let dates = ["opens", "questions_until", "closes", "completion_until", "marking_from", "marking_until"];
    let dates: Vec<_> = dates.into_iter().map(|name| (name, Instant)).collect();
    let mut all =
        vec![Group { title: word("group-dates"), rows: rows(draft, "/calendar", &dates), ..Group::default() }];
    all.extend((0..count(draft, "/calendar/milestones")).map(|i| {
        let item = format!("/calendar/milestones/{i}");
        let settings = [("label", Text), ("at", Instant), ("until", MaybeInstant), ("day_only", Flag)];
        let title = draft.text(&format!("{item}/label")).to_owned();
        Group { title, rows: rows(draft, &item, &settings), item, ..Group::default() }
    }));
    all
}

fn rules(draft: &Draft) -> Vec<Group> {
    use Kind::{Flag, Lines, MaybeSelect, Select, Text, Whole};
    let mut all = rows(
        draft,
        "/rules",
        &[
            ("max_lots_requested", Whole),
            ("max_lots_awarded", Whole),
            ("laureates_per_lot", Whole),
            ("reserve_per_lot", Whole),
            ("reserve_months", Whole),
            ("results_by_criterion", Flag),
            ("implicit_rejection_months", Whole),
            ("eligible_forms", Lines),
            ("officers_see_marks_while_marking", Flag),
            ("court", Text),
        ],
    );
    for name in ["name_field", "legal_form_field"] {
        all.push(row(draft, "/rules", name, Select).among(questions(draft)));
    }
    for name in ["title_field", "summary_field"] {
        all.push(row(draft, "/rules", name, MaybeSelect).among(questions(draft)));
    }
    for row in all.iter_mut().filter(|row| row.id == "/rules/eligible_forms") {
        row.hint = format!("{} {}", row.hint, LEGAL_FORMS.join(", "));
    }
    vec![Group { title: word("part-rules"), rows: all, ..Group::default() }]
}

fn lots(draft: &Draft) -> Vec<Group> {
    use Kind::{Communes, Money, Text, Whole};
    let settings = [
        ("code", Text),
        ("label", Text),
        ("ept", Text),
        ("capacity", Whole),
        ("ceiling_cents", Money),
        ("communes", Communes),
    ];
    (0..count(draft, "/lots"))
        .map(|i| {
            let item = format!("/lots/{i}");
            let title = format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/label")));
            Group { title, rows: rows(draft, &item, &settings), item, ..Group::default() }
        })
        .collect()
}

fn form(draft: &Draft, code: &str) -> Vec<Group> {
    (0..count(draft, "/form/sections"))
        .map(|s| {
            let item = format!("/form/sections/{s}");
            let list = format!("{item}/fields");
            let links = (0..count(draft, &list)).map(|f| {
                let item = format!("{list}/{f}");
                let text = |name: &str| draft.text(&format!("{item}/{name}")).to_owned();
                let kind = word(&format!("kind-{}", text("type").replace('_', "-")));
                Link {
                    href: href(code, &item), label: format!("{} — {} ({kind})", text("code"), text("label")), item
                }
            });
            let kinds = KINDS.iter().map(|k| choice(k, word(&format!("kind-{}", k.replace('_', "-"))))).collect();
            Group {
                title: format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/title"))),
                rows: rows(draft, &item, &[("code", Kind::Text), ("title", Kind::Text)]),
                links: links.collect(),
                adds: vec![Add { kinds, ..add(&list) }],
                item,
            }
        })
        .collect()
}

fn requirement(draft: &Draft, at: &str) -> Row {
    row(draft, at, "required", Kind::Requirement).among(questions(draft))
}

fn classes(draft: &Draft, at: &str) -> Row {
    let all = ["public", "applicant", "jury", "officer"];
    let all = all.iter().map(|class| choice(class, word(&format!("class-{class}"))));
    row(draft, at, "class", Kind::MaybeSelect).among(all.collect())
}

fn question(draft: &Draft, at: &str) -> Vec<Group> {
    let mut first = rows(draft, at, &[("code", Kind::Text), ("label", Kind::Area), ("help", Kind::Area)]);
    first.push(requirement(draft, at));
    first.push(row(draft, at, "shown_when", Kind::Shown).among(questions(draft)));
    first.push(classes(draft, at));
    first.extend(rows(draft, at, &[("blind", Kind::Flag), ("communicable", Kind::Flag)]).into_iter().map(|mut row| {
        // Where it is not said, it goes by the kind.
        let field = draft.sketch().form.field(draft.text(&format!("{at}/code"))).cloned();
        let usual = field.is_some_and(|f| if row.id.ends_with("/blind") { f.is_blind() } else { f.is_communicable() });
        if draft.get(&row.id).is_none() {
            row.value = json!(usual);
        }
        row
    }));
    let kind = draft.text(&format!("{at}/type")).to_owned();
    first.extend(kind_rows(draft, at, &kind));
    let title = word(&format!("kind-{}", kind.replace('_', "-")));
    let mut groups = vec![Group { title, rows: first, ..Group::default() }];
    if kind == "table" {
        let list = format!("{at}/columns");
        let simple = [
            "text",
            "long_text",
            "choice",
            "yes_no",
            "integer",
            "decimal",
            "percentage",
            "amount",
            "date",
            "siret",
            "lot_commune",
        ];
        for i in 0..count(draft, &list) {
            let item = format!("{list}/{i}");
            let kinds = simple.iter().map(|k| choice(k, word(&format!("kind-{}", k.replace('_', "-"))))).collect();
            let mut all = rows(draft, &item, &[("code", Kind::Text), ("label", Kind::Text)]);
            all.push(row(draft, &item, "type", Kind::Select).among(kinds));
            all.push(row(draft, &item, "optional", Kind::Flag));
            all.extend(kind_rows(draft, &item, draft.text(&format!("{item}/type"))));
            let title = draft.text(&format!("{item}/label")).to_owned();
            groups.push(Group { title, rows: all, item, ..Group::default() });
        }
        groups[0].adds.push(add(&list));
    }
    groups
}

/// What a kind of question has besides.
fn kind_rows(draft: &Draft, at: &str, kind: &str) -> Vec<Row> {
    use Kind::{Flag, MaybeWhole, Number, Options, Percents, Select, Text, Whole};
    let all: &[(&str, Kind)] = match kind {
        "text" | "long_text" | "url" | "ordered_lots" => &[("max", Whole)],
        "choice" => &[("options", Options)],
        "date" => &[("not_after_today", Flag)],
        "decimal" => &[("min", Number), ("max", Number)],
        "integer" => &[("min", MaybeWhole), ("max", MaybeWhole), ("capacity_percent", Percents)],
        "amount" => &[("within_lot_ceiling", Flag)],
        "table" => &[("min_rows", Whole), ("max_rows", Whole)],
        "budget" => &[("charges", Options), ("products", Options)],
        "computed" => {
            let of = |name: &str| row(draft, &format!("{at}/formula"), name, Select).among(questions(draft));
            let column = row(draft, &format!("{at}/formula"), "column", Text);
            return vec![of("numerator"), of("denominator"), column];
        }
        _ => &[],
    };
    rows(draft, at, all)
}

fn pieces(draft: &Draft) -> Vec<Group> {
    use Kind::{Flag, Lines, Megabytes, Text, Whole};
    let limit = row(draft, "", "dossier_max_bytes", Megabytes);
    let mut all = vec![Group { title: word("group-files"), rows: vec![limit], ..Group::default() }];
    all.extend((0..count(draft, "/pieces")).map(|i| {
        let item = format!("/pieces/{i}");
        let settings =
            [("code", Text), ("label", Text), ("formats", Lines), ("max_bytes", Megabytes), ("max_files", Whole)];
        let mut rows_ = rows(draft, &item, &settings);
        for row in rows_.iter_mut().filter(|row| row.id.ends_with("/formats")) {
            row.hint = Format::ALL.iter().map(|f| f.as_str()).collect::<Vec<_>>().join(", ");
        }
        for row in rows_.iter_mut().filter(|row| row.id.ends_with("/max_files") && row.value == json!("")) {
            row.value = json!("1");
        }
        rows_.push(requirement(draft, &item));
        rows_.push(row(draft, &item, "indispensable", Flag));
        rows_.push(classes(draft, &item));
        let title = format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/label")));
        Group { title, rows: rows_, item, ..Group::default() }
    }));
    all
}

fn grid(draft: &Draft) -> Vec<Group> {
    use Kind::{Flag, Lines, MaybeWhole, Measure, Number, Text, Whole, Wholes};
    let mut first = rows(draft, "/grid/scale", &[("min", Whole), ("max", Whole), ("step", Whole), ("words", Lines)]);
    first.extend(rows(
        draft,
        "/grid",
        &[("min_jurors", Whole), ("min_marks", MaybeWhole), ("harmonise_from", MaybeWhole)],
    ));
    first.extend(rows(draft, "/grid/comments", &[("marks", Wholes), ("min_chars", Whole)]));
    let mut all = vec![Group { title: word("group-scale"), rows: first, ..Group::default() }];
    for g in 0..count(draft, "/grid/groups") {
        let item = format!("/grid/groups/{g}");
        let list = format!("{item}/criteria");
        let title = format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/label")));
        let settings = rows(draft, &item, &[("code", Text), ("label", Text)]);
        all.push(Group { title, rows: settings, adds: vec![add(&list)], item, ..Group::default() });
        for c in 0..count(draft, &list) {
            let item = format!("{list}/{c}");
            let title = format!("{} {}", draft.text(&format!("{item}/code")), draft.text(&format!("{item}/label")));
            let settings = [("code", Text), ("label", Text), ("weight", Whole), ("sources", Lines)];
            all.push(Group { title, rows: rows(draft, &item, &settings), item, ..Group::default() });
        }
    }
    for (list, settings) in [
        ("/grid/thresholds", [("code", Text), ("on", Measure), ("below", Number)].as_slice()),
        ("/grid/ties", [("on", Measure), ("lower_wins", Flag)].as_slice()),
    ] {
        for i in 0..count(draft, list) {
            let item = format!("{list}/{i}");
            let mut settings = rows(draft, &item, settings);
            for row in settings.iter_mut().filter(|row| row.kind == Measure) {
                row.choices = measures(draft);
            }
            let title = format!("{} {}", word(&format!("{}-one", key(list))), i + 1);
            all.push(Group { title, rows: settings, item, ..Group::default() });
        }
    }
    all
}

fn texts(draft: &Draft) -> Vec<Group> {
    let rows = TEXTS.iter().map(|(name, variables)| {
        let id = format!("/texts/{name}");
        let said = word(&format!("text-{}", name.replace('_', "-")));
        let listed: Vec<String> = variables.iter().map(|v| format!("{{{v}}}")).collect();
        let hint =
            if listed.is_empty() { String::new() } else { format!("{} {}", word("text-variables"), listed.join(" ")) };
        Row::of(draft, id, Kind::Area, (said, hint))
    });
    vec![Group { title: word("part-texts"), rows: rows.collect(), ..Group::default() }]
}

/// What a new item of a list begins as.
pub(super) fn new_item(list: &str, kind: &str) -> Value {
    let names: Vec<&str> = list.split('/').filter(|n| n.parse::<usize>().is_err()).collect();
    match names.as_slice() {
        ["", "calendar", "milestones"] => json!({ "label": "", "at": "" }),
        ["", "lots"] => json!({ "code": "", "label": "", "communes": [], "capacity": 0, "ceiling_cents": 0 }),
        ["", "form", "sections"] => json!({ "code": "", "title": "", "fields": [] }),
        ["", "form", "sections", "fields"] => question_of(kind),
        ["", "form", "sections", "fields", "columns"] => json!({ "code": "", "label": "", "type": "text", "max": 200 }),
        ["", "pieces"] => {
            json!({ "code": "", "label": "", "formats": ["pdf"], "max_bytes": 5 * 1024 * 1024, "required": "always" })
        }
        ["", "grid", "groups"] => json!({ "code": "", "label": "", "criteria": [] }),
        ["", "grid", "groups", "criteria"] => json!({ "code": "", "label": "", "weight": 0, "sources": [] }),
        ["", "grid", "thresholds"] => json!({ "code": "", "on": "total", "below": "0" }),
        _ => json!({ "on": "total" }),
    }
}

fn question_of(kind: &str) -> Value {
    let mut new = json!({ "code": "", "label": "", "type": kind, "required": "always" });
    let own = match kind {
        "text" | "url" => json!({ "max": 200 }),
        "long_text" => json!({ "max": 2000 }),
        "choice" => json!({ "options": [] }),
        "decimal" => json!({ "min": "0", "max": "100" }),
        "table" => json!({ "min_rows": 0, "max_rows": 10, "columns": [] }),
        "budget" => json!({ "charges": [], "products": [] }),
        "computed" => json!({ "formula": { "numerator": "", "denominator": "" }, "required": "never" }),
        _ => json!({}),
    };
    for (name, value) in own.as_object().into_iter().flatten() {
        new[name] = value.clone();
    }
    new
}
