//! A correction of a published call: what may still change, and what changes for whom.

use jiff::Timestamp;

use super::check::Problem;
use super::{CallDefinition, Phase};

/// What a correction changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The parts of the call that differ, by their names in the definition.
    pub parts: Vec<&'static str>,
    /// Closing before and after, when it is put off.
    pub closes: Option<(Timestamp, Timestamp)>,
    /// Whether what was filed answers other questions or holds other pieces than those that are asked for now.
    pub file_again: bool,
}

/// What changes from one version to the next in a phase of the call.
///
/// # Errors
/// Every change that may not be made any more, at its pointer: the code and the prefix never change, a lot never goes, closing is put
/// off and never brought forward; once deposits are closed, what was filed and how it is marked stay as they were.
pub fn compare(old: &CallDefinition, new: &CallDefinition, phase: Phase) -> Result<Changes, Vec<Problem>> {
    let mut refused = Vec::new();
    for (at, same) in [("/code", old.code == new.code), ("/number_prefix", old.number_prefix == new.number_prefix)] {
        if !same {
            refused.push(Problem::error(at, "fixed"));
        }
    }
    for lot in old.lots.iter().filter(|lot| new.lot(&lot.code).is_none()) {
        refused.push(Problem::error("/lots", "lot-gone").with("lot", &lot.code));
    }
    if new.calendar.closes < old.calendar.closes {
        refused.push(Problem::error("/calendar/closes", "closes-earlier"));
    }
    if phase >= Phase::Closed {
        for (at, same) in [
            ("/calendar/opens", old.calendar.opens == new.calendar.opens),
            ("/calendar/closes", old.calendar.closes == new.calendar.closes),
            ("/rules", old.rules == new.rules),
            ("/lots", old.lots == new.lots),
            ("/form", old.form == new.form),
            ("/pieces", old.pieces == new.pieces),
            ("/grid", old.grid == new.grid),
        ] {
            if !same {
                refused.push(Problem::error(at, "closed-part"));
            }
        }
    }
    if refused.is_empty() { Ok(changes(old, new)) } else { Err(refused) }
}

fn changes(old: &CallDefinition, new: &CallDefinition) -> Changes {
    let identity = |c: &CallDefinition| {
        (c.title.clone(), c.subject.clone(), c.authority.clone(), c.service.clone(), c.duration_years, c.envelope_cents)
    };
    let parts = [
        ("identity", identity(old) != identity(new) || old.place_price_cents != new.place_price_cents),
        ("calendar", old.calendar != new.calendar),
        ("rules", old.rules != new.rules),
        ("lots", old.lots != new.lots),
        ("form", old.form != new.form),
        ("pieces", old.pieces != new.pieces || old.dossier_max_bytes != new.dossier_max_bytes),
        ("grid", old.grid != new.grid),
        ("texts", old.texts != new.texts),
    ];
    let asked = |c: &CallDefinition| {
        let fields: Vec<_> = c
            .form
            .fields()
            .map(|f| (f.code.clone(), f.kind.clone(), f.required.clone(), f.shown_when.clone()))
            .collect();
        let pieces: Vec<_> = c.pieces.iter().map(|p| (p.code.clone(), p.required.clone())).collect();
        (fields, pieces)
    };
    let moved = old.calendar.closes != new.calendar.closes;
    Changes {
        parts: parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect(),
        closes: moved.then_some((old.calendar.closes, new.calendar.closes)),
        file_again: asked(old) != asked(new),
    }
}
