//! What was awarded in a call, held against its published rules.

use ami_database::Tx;
use ami_database::{dossiers, rankings as rows, upsets};
use ami_domain::answer::Answer;
use ami_domain::award::{Awarded, Candidate, Opinion, Rule};
use ami_domain::call::CallDefinition;
use ami_domain::decision::DecisionKind;
use ami_domain::ids::DossierId;

use crate::contents::Loaded;
use crate::decisions::Grounds;
use crate::filed::Filings;
use crate::{Error, Problem, Result};

/// The published rules that a decision on what was filed would go beyond. No other decision of the call is kept until the
/// transaction ends, so that two of them cannot both take the last place.
pub(crate) async fn broken(
    tx: &Tx,
    filed: &Loaded,
    opinion: Option<Opinion>,
    kind: DecisionKind,
    amount_cents: i64,
) -> Result<Vec<Rule>> {
    let (call, id) = (&filed.call, filed.dossier.id);
    upsets::hold(tx, call.id).await?;
    let conn = tx.read();
    let mut taken = rows::decisions(conn, call.id).await?;
    taken.retain(|dossier, d| *dossier != id && d.kind.awards());
    let ids: Vec<DossierId> = taken.keys().copied().collect();
    let others = dossiers::some(conn, ids.iter().copied()).await?;
    let grounds = Grounds::load(conn, call.id, Some(&ids)).await?;
    let filings = Filings::of(conn, call, ids).await?;
    let mut awarded = Awarded::default();
    for (id, decision) in &taken {
        let other = others.get(id).ok_or_else(|| Error::internal("a decision on a dossier that is gone"))?;
        if grounds.stale(decision, other.state_name()).is_none() {
            let siren = filings.applicant(*id).map_or("", |a| siren(&a.siret));
            awarded.count(decision.kind, &other.lot, siren, decision.amount_cents.unwrap_or(0));
        }
    }
    let candidate =
        Candidate { lot: &filed.dossier.lot, siren: siren(&filed.applicant.siret), opinion, eligible: eligible(filed) };
    Ok(awarded.broken(&call.definition, kind, &candidate, amount_cents))
}

/// The legal body behind an establishment.
fn siren(siret: &str) -> &str {
    siret.get(..9).unwrap_or(siret)
}

/// Whether the legal form that was filed may apply, by the rules under which it was filed.
fn eligible(filed: &Loaded) -> bool {
    let rules = &filed.definition.rules;
    match filed.answers.get(&rules.legal_form_field) {
        Some(Answer::Choice(form)) => rules.eligible_forms.contains(form),
        _ => rules.eligible_forms.contains(&filed.applicant.legal_form),
    }
}

/// What to say of the rules that a decision goes beyond without saying why.
pub(crate) fn refusal(call: &CallDefinition, rules: &[Rule]) -> Error {
    let problem = |rule: &Rule| Problem {
        pointer: "/override".into(),
        code: format!("rule-{}", rule.as_str()),
        args: match rule {
            Rule::Threshold | Rule::Jurors | Rule::LegalForm => Vec::new(),
            Rule::Laureates => vec![("max", call.rules.laureates_per_lot.to_string())],
            Rule::Reserve => vec![("max", call.rules.reserve_per_lot.to_string())],
            Rule::Lots => vec![("max", call.rules.max_lots_awarded.to_string())],
            Rule::Envelope => vec![("max", ami_views::money(call.envelope_cents))],
        },
    };
    Error::invalid(rules.iter().map(problem).collect())
}
