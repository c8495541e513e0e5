//! The value of a form field: read from what people typed or a program sent, checked once, and written back as JSON.
//!
//! A field reads text (`"420"`, `"4,04"`) as well as JSON's own types, because a page sends text and a program sends numbers.
//! An empty value (`null`, `""`, `[]`) clears the answer.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::call::Lot;
use crate::form::{Column, Field, FieldKind, Number};
use crate::identifiers::{Email, Iban, IdentifierError, Rna, Siret};
use crate::text;

/// One row of a table: column code to cell.
pub type Row = BTreeMap<String, Answer>;

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Free text, an identifier, an address on the web.
    Text(String),
    /// The value of a choice, a lot or a commune.
    Choice(String),
    /// Yes or no.
    YesNo(bool),
    /// A day.
    Date(Date),
    /// A whole number.
    Integer(i64),
    /// A number with two decimals.
    Decimal(Number),
    /// Cents.
    Amount(i64),
    /// Where something is.
    Address(Address),
    /// Lots, best first.
    Lots(Vec<String>),
    /// Rows.
    Table(Vec<Row>),
    /// Cents by account.
    Budget(BTreeMap<String, i64>),
    /// A commitment and when it was made.
    Accepted(Timestamp),
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Number and street.
    pub street: String,
    /// Five digits.
    pub postcode: String,
    /// INSEE code of the commune.
    pub commune: String,
}

/// What a value is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Now, for dates and commitments.
    pub now: Timestamp,
    /// Today in the call's time zone.
    pub today: Date,
    /// The dossier's lot.
    pub lot: &'a Lot,
    /// Every lot of the call.
    pub lots: &'a [Lot],
}

/// Why a value was refused. `code` is stable; the sentence for people is in the locale under `error-field-{code}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Stable code.
    pub code: &'static str,
    /// What the sentence needs.
    pub args: Vec<(&'static str, String)>,
    /// Row (from 1) and column of a table, part of an address, account of a budget.
    pub at: Option<(usize, String)>,
}

impl FieldError {
    fn new(code: &'static str) -> Self {
        Self { code, args: Vec::new(), at: None }
    }

    fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    fn at(mut self, row: usize, column: &str) -> Self {
        self.at = Some((row, column.to_owned()));
        self
    }
}

type Read = Result<Option<Answer>, FieldError>;

impl Field {
    /// Reads a value for this field; `Ok(None)` clears it.
    ///
    /// # Errors
    /// [`FieldError`] names the rule that was broken and where.
    pub fn read(&self, input: &Value, context: &Context<'_>) -> Read {
        read(&self.kind, input, context)
    }
}

#[expect(clippy::too_many_lines, reason = "one arm per kind of field; splitting it would hide that none is forgotten")]
fn read(kind: &FieldKind, input: &Value, context: &Context<'_>) -> Read {
    if is_empty(input) {
        return Ok(None);
    }
    let answer = match kind {
        FieldKind::Text { max } => Answer::Text(bounded(&single_line(&string(input)?), *max)?),
        FieldKind::LongText { max } => Answer::Text(bounded(&text::clean(&string(input)?), *max)?),
        FieldKind::Choice { options } => {
            let value = string(input)?;
            if !options.iter().any(|o| o.value == value) {
                return Err(FieldError::new("choice"));
            }
            Answer::Choice(value)
        }
        FieldKind::YesNo => Answer::YesNo(yes_no(input)?),
        FieldKind::Siret => Answer::Text(identifier("siret", Siret::parse(&string(input)?))?.to_string()),
        FieldKind::Rna => Answer::Text(identifier("rna", Rna::parse(&string(input)?))?.to_string()),
        FieldKind::Iban => Answer::Text(identifier("iban", Iban::parse(&string(input)?))?.to_string()),
        FieldKind::Email => Answer::Text(identifier("email", Email::parse(&string(input)?))?.to_string()),
        FieldKind::Phone => Answer::Text(phone(&string(input)?)?),
        FieldKind::Url { max } => Answer::Text(bounded(&url(&text::visible(&string(input)?))?, *max)?),
        FieldKind::Date { not_after_today } => Answer::Date(date(&string(input)?, *not_after_today, context)?),
        FieldKind::Address => Answer::Address(address(input)?),
        FieldKind::Decimal { min, max } => Answer::Decimal(within(number(input)?, *min, *max)?),
        FieldKind::Percentage => Answer::Decimal(within(number(input)?, Number(0), Number::whole(100))?),
        FieldKind::Integer { min, max, capacity_percent } => {
            let value = whole(input)?;
            let (low, high) = match capacity_percent {
                // The smallest whole number of places not under the share, the largest not over it.
                Some((low, high)) => {
                    (Some(share(context.lot.capacity, *low, 99)), Some(share(context.lot.capacity, *high, 0)))
                }
                None => (*min, *max),
            };
            if low.is_some_and(|l| value < l) || high.is_some_and(|h| value > h) {
                let show = |bound: Option<i64>| bound.map_or_else(|| "…".to_owned(), |b| b.to_string());
                return Err(FieldError::new("range").with("min", show(low)).with("max", show(high)));
            }
            Answer::Integer(value)
        }
        FieldKind::Amount { within_lot_ceiling } => {
            let cents = number(input)?.0;
            if cents <= 0 {
                return Err(FieldError::new("positive"));
            }
            if *within_lot_ceiling && cents > context.lot.ceiling_cents {
                return Err(FieldError::new("ceiling").with("max", Number(context.lot.ceiling_cents)));
            }
            Answer::Amount(cents)
        }
        FieldKind::Lot => {
            if string(input)? != context.lot.code {
                return Err(FieldError::new("lot").with("lot", &context.lot.code));
            }
            Answer::Choice(context.lot.code.clone())
        }
        FieldKind::OrderedLots { max } => ordered_lots(input, *max, context)?,
        FieldKind::LotCommune => {
            let code = string(input)?;
            if !context.lot.covers(&code) {
                return Err(FieldError::new("commune-of-lot").with("lot", &context.lot.code));
            }
            Answer::Choice(code)
        }
        FieldKind::Table { min_rows, max_rows, columns, sum_below } => {
            let rows = table(input, columns, context)?;
            if rows.is_empty() && *min_rows > 0 {
                return Ok(None);
            }
            if rows.len() < *min_rows || rows.len() > *max_rows {
                return Err(FieldError::new("rows").with("min", min_rows).with("max", max_rows));
            }
            if let Some(limit) = sum_below {
                let sum = rows
                    .iter()
                    .filter_map(|r| r.get(&limit.column).and_then(Answer::number))
                    .try_fold(0i64, |sum, n| sum.checked_add(n.0));
                if sum.is_none_or(|sum| sum >= limit.value.0) {
                    return Err(FieldError::new("sum").with("max", limit.value));
                }
            }
            Answer::Table(rows)
        }
        FieldKind::Budget { charges, products } => {
            let known = |account: &str| charges.iter().chain(products).any(|c| c.value == account);
            let amounts = budget(input, known)?;
            if amounts.is_empty() {
                return Ok(None);
            }
            let total = |side: &[crate::form::Choice]| {
                side.iter().filter_map(|c| amounts.get(&c.value)).try_fold(0i64, |sum, n| sum.checked_add(*n))
            };
            match (total(charges), total(products)) {
                (Some(out), Some(into)) if out == into => Answer::Budget(amounts),
                (out, into) => {
                    return Err(FieldError::new("budget")
                        .with("charges", Number(out.unwrap_or(i64::MAX)))
                        .with("products", Number(into.unwrap_or(i64::MAX))));
                }
            }
        }
        FieldKind::Computed { .. } => return Err(FieldError::new("computed")),
        FieldKind::Checkbox => match accepted(input, context)? {
            None => return Ok(None),
            Some(at) => Answer::Accepted(at),
        },
    };
    Ok(Some(answer))
}

fn is_empty(input: &Value) -> bool {
    match input {
        Value::Null => true,
        Value::String(s) => text::clean(s).is_empty(),
        _ => false,
    }
}

fn string(input: &Value) -> Result<String, FieldError> {
    match input {
        Value::String(s) => Ok(text::clean(s)),
        Value::Number(n) => Ok(n.to_string()),
        _ => Err(FieldError::new("type").with("expected", "text")),
    }
}

fn single_line(input: &str) -> String {
    input.split('\n').map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn bounded(input: &str, max: usize) -> Result<String, FieldError> {
    let length = text::length(input);
    if length > max {
        return Err(FieldError::new("too-long").with("max", max).with("length", length));
    }
    Ok(input.to_owned())
}

fn yes_no(input: &Value) -> Result<bool, FieldError> {
    match input {
        Value::Bool(b) => Ok(*b),
        Value::String(s) => match s.as_str() {
            "yes" | "oui" | "true" => Ok(true),
            "no" | "non" | "false" => Ok(false),
            _ => Err(FieldError::new("yes-no")),
        },
        _ => Err(FieldError::new("yes-no")),
    }
}

fn identifier<T>(what: &'static str, parsed: Result<T, IdentifierError>) -> Result<T, FieldError> {
    parsed.map_err(|error| {
        FieldError::new(match (what, error) {
            ("siret", IdentifierError::SirenChecksum) => "siret-siren",
            ("siret", IdentifierError::Shape) => "siret-shape",
            ("siret", _) => "siret",
            ("rna", _) => "rna",
            ("iban", IdentifierError::Shape) => "iban-shape",
            ("iban", _) => "iban",
            _ => "email",
        })
    })
}

fn phone(input: &str) -> Result<String, FieldError> {
    // The zero of « +33 (0)1 » is for those who call from France; it is no part of the international number.
    let compact = text::compact(input);
    let written = if compact.starts_with('+') { compact.replacen("(0)", "", 1) } else { compact };
    let digits: String =
        written.chars().filter(|c| !matches!(c, '.' | '-' | '\u{2010}'..='\u{2013}' | '(' | ')' | '/')).collect();
    let digits = match digits.strip_prefix("+330") {
        Some(rest) if rest.len() == 9 => format!("+33{rest}"),
        _ => digits,
    };
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let french = digits.len() == 10 && digits.starts_with('0') && !digits.starts_with("00") && all_digits(&digits);
    let international = digits
        .strip_prefix('+')
        .is_some_and(|rest| (8..=15).contains(&rest.len()) && all_digits(rest) && !rest.starts_with('0'));
    if french || international { Ok(digits) } else { Err(FieldError::new("phone")) }
}

/// An address on the web with its scheme, both it and the host in small letters.
fn url(input: &str) -> Result<String, FieldError> {
    let (scheme, rest) = input.split_once("://").unwrap_or(("https", input));
    let scheme = scheme.to_ascii_lowercase();
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let ok = matches!(scheme.as_str(), "https" | "http")
        && !rest.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '\\'))
        && host.contains('.')
        && !host.contains('@')
        && host.split('.').all(|label| !label.is_empty());
    if ok { Ok(format!("{scheme}://{}{path}", host.to_lowercase())) } else { Err(FieldError::new("url")) }
}

/// A day as programs write it, or as people do in French: `2027-07-01`, `01/07/2027`. A year of other than four digits is mistyped.
pub fn read_day(input: &str) -> Option<Date> {
    let written = input.trim();
    let french = || {
        let mut parts = written.split('/');
        let (d, m, y) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        if parts.next().is_some() { None } else { Date::new(y, m, d).ok() }
    };
    written.parse().ok().or_else(french).filter(|day: &Date| (1000..=9000).contains(&day.year()))
}

fn date(input: &str, not_after_today: bool, context: &Context<'_>) -> Result<Date, FieldError> {
    let day = read_day(input).ok_or_else(|| FieldError::new("date"))?;
    if not_after_today && day > context.today {
        return Err(FieldError::new("date-future"));
    }
    Ok(day)
}

fn number(input: &Value) -> Result<Number, FieldError> {
    let written = match input {
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.trim_end_matches(['%', '€', ' ', '\u{a0}', '\u{202f}']).to_owned(),
        _ => return Err(FieldError::new("number")),
    };
    text::hundredths(&written).map(Number).ok_or_else(|| FieldError::new("number"))
}

fn whole(input: &Value) -> Result<i64, FieldError> {
    let n = number(input).map_err(|_| FieldError::new("integer"))?;
    if n.0 % 100 == 0 { Ok(n.0 / 100) } else { Err(FieldError::new("integer")) }
}

/// A percentage of the capacity, with `up` hundredths on top; a share beyond all numbers is the last of them.
pub(crate) fn share(capacity: i64, percent: i64, up: i128) -> i64 {
    let share = (i128::from(capacity) * i128::from(percent) + up).div_euclid(100);
    i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX })
}

fn within(value: Number, min: Number, max: Number) -> Result<Number, FieldError> {
    if value < min || value > max {
        return Err(FieldError::new("range").with("min", min).with("max", max));
    }
    Ok(value)
}

fn address(input: &Value) -> Result<Address, FieldError> {
    let Value::Object(parts) = input else {
        return Err(FieldError::new("type").with("expected", "address"));
    };
    let part = |name: &'static str| -> Result<String, FieldError> {
        let value = parts.get(name).map_or(Ok(String::new()), string)?;
        if value.is_empty() {
            return Err(FieldError::new("address-part").at(0, name));
        }
        Ok(single_line(&value))
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let street = bounded(&part("street")?, 200).map_err(|e| e.at(0, "street"))?;
    let postcode = part("postcode")?;
    if postcode.len() != 5 || !digits(&postcode) {
        return Err(FieldError::new("postcode").at(0, "postcode"));
    }
    let commune = part("commune")?.to_ascii_uppercase();
    let overseas_safe = commune.len() == 5
        && commune.is_ascii()
        && digits(&commune[2..])
        && (digits(&commune[..2]) || matches!(&commune[..2], "2A" | "2B"));
    if !overseas_safe {
        return Err(FieldError::new("commune").at(0, "commune"));
    }
    Ok(Address { street, postcode, commune })
}

fn ordered_lots(input: &Value, max: usize, context: &Context<'_>) -> Result<Answer, FieldError> {
    let Value::Array(items) = input else {
        return Err(FieldError::new("type").with("expected", "list"));
    };
    let mut lots: Vec<String> = Vec::new();
    for item in items.iter().filter(|i| !is_empty(i)) {
        let code = string(item)?;
        if !context.lots.iter().any(|l| l.code == code) {
            return Err(FieldError::new("lot-unknown").with("lot", code));
        }
        if lots.contains(&code) || code == context.lot.code {
            return Err(FieldError::new("lot-twice").with("lot", code));
        }
        lots.push(code);
    }
    if lots.len() > max {
        return Err(FieldError::new("too-many").with("max", max));
    }
    Ok(Answer::Lots(lots))
}

fn table(input: &Value, columns: &[Column], context: &Context<'_>) -> Result<Vec<Row>, FieldError> {
    const MOST_ROWS: usize = 200;
    let Value::Array(items) = input else {
        return Err(FieldError::new("type").with("expected", "rows"));
    };
    if items.len() > MOST_ROWS {
        return Err(FieldError::new("rows").with("min", 0).with("max", MOST_ROWS));
    }
    let mut rows = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Value::Object(cells) = item else {
            return Err(FieldError::new("type").with("expected", "rows").at(index + 1, ""));
        };
        if cells.values().all(is_empty) {
            continue;
        }
        if let Some(unknown) = cells.keys().find(|k| !columns.iter().any(|c| c.code == **k)) {
            return Err(FieldError::new("column-unknown").with("column", unknown).at(index + 1, unknown));
        }
        let mut row = Row::new();
        for column in columns {
            let cell = cells.get(&column.code).unwrap_or(&Value::Null);
            match read(&column.kind, cell, context).map_err(|e| e.at(index + 1, &column.code))? {
                Some(answer) => {
                    row.insert(column.code.clone(), answer);
                }
                None if column.optional => {}
                None => return Err(FieldError::new("required").at(index + 1, &column.code)),
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn budget(input: &Value, known: impl Fn(&str) -> bool) -> Result<BTreeMap<String, i64>, FieldError> {
    let Value::Object(lines) = input else {
        return Err(FieldError::new("type").with("expected", "budget"));
    };
    let mut amounts = BTreeMap::new();
    for (account, value) in lines {
        if !known(account) {
            return Err(FieldError::new("account").with("account", account).at(0, account));
        }
        if is_empty(value) {
            continue;
        }
        let cents = number(value).map_err(|e| e.at(0, account))?.0;
        if cents < 0 {
            return Err(FieldError::new("positive").at(0, account));
        }
        amounts.insert(account.clone(), cents);
    }
    Ok(amounts)
}

fn accepted(input: &Value, context: &Context<'_>) -> Result<Option<Timestamp>, FieldError> {
    match input {
        Value::Object(stored) if stored.get("accepted") == Some(&Value::Bool(true)) => stored
            .get("at")
            .and_then(Value::as_str)
            .and_then(|at| at.parse::<Timestamp>().ok())
            // A commitment cannot have been made in the future.
            .filter(|at| *at <= context.now)
            .map(Some)
            .ok_or_else(|| FieldError::new("checkbox")),
        Value::String(s) if s == "on" => Ok(Some(context.now)),
        other => Ok(yes_no(other).map_err(|_| FieldError::new("checkbox"))?.then_some(context.now)),
    }
}

/// A number of hundredths as JSON.
pub(crate) fn decimal_json(hundredths: i64) -> Value {
    if hundredths % 100 == 0 {
        json!(hundredths / 100)
    } else {
        // Exact to read back: two decimals below 2^53 survive a double.
        #[expect(clippy::cast_precision_loss, reason = "`text::hundredths` bounds values below 2^53 hundredths")]
        let value = hundredths as f64 / 100.0;
        json!(value)
    }
}

impl Answer {
    /// The JSON that is stored and that the API gives; [`Field::read`] reads it back to the same value.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(s) | Self::Choice(s) => json!(s),
            Self::YesNo(b) => json!(b),
            Self::Date(d) => json!(d.to_string()),
            Self::Integer(n) => json!(n),
            Self::Decimal(n) => decimal_json(n.0),
            Self::Amount(cents) => decimal_json(*cents),
            Self::Address(a) => json!({"street": a.street, "postcode": a.postcode, "commune": a.commune}),
            Self::Lots(lots) => json!(lots),
            Self::Table(rows) => rows
                .iter()
                .map(|row| Value::Object(row.iter().map(|(k, v)| (k.clone(), v.to_json())).collect::<Map<_, _>>()))
                .collect(),
            Self::Budget(amounts) => {
                Value::Object(amounts.iter().map(|(k, v)| (k.clone(), decimal_json(*v))).collect::<Map<_, _>>())
            }
            Self::Accepted(at) => json!({"accepted": true, "at": at.to_string()}),
        }
    }

    /// The number it holds, in hundredths, when it holds one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(n) => n.checked_mul(100).map(Number),
            Self::Decimal(n) => Some(*n),
            Self::Amount(cents) => Some(Number(*cents)),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
