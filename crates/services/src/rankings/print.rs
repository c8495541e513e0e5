//! The ranking as a document, its figures included.

use ami_database::calls::Call;
use ami_documents::{
    Beside, CriterionLine, Derivation, Figure, GroupLine, LotSection, RankRow, RankingDocument, RankingLine,
    Robustness, Statistics, ThresholdLine, WeightRow, rank_figure, weight_figure,
};
use ami_domain::grid::{Grid, Measure};
use ami_scoring::Rational;

use super::insights::{ConcordanceView, RankInterval, RobustnessView};
use super::view::{RankedDossier, RankedLot, RankingView};

/// The figures of one lot.
#[derive(Debug, Clone)]
pub struct LotFigures {
    /// The ranks that its dossiers may take.
    pub ranks: Figure,
    /// How far weights may move.
    pub weights: Figure,
}

pub(super) fn document(call: &Call, view: &RankingView, decided: impl Fn(&RankedDossier) -> String) -> RankingDocument {
    let grid = &call.definition.grid;
    let scale = &grid.scale;
    RankingDocument {
        call_code: call.definition.code.clone(),
        call_title: call.definition.title.clone(),
        call_version: view.call_version,
        authority: call.definition.authority.name.clone(),
        computed_at: ami_views::date_time(view.computed_at),
        at: view.computed_at,
        engine: view.engine.clone(),
        hash: view.input_sha256.clone(),
        demonstration: call.definition.demonstration,
        groups: grid
            .groups
            .iter()
            .map(|g| (g.code.clone(), g.criteria.iter().map(|c| u64::from(c.weight)).sum()))
            .collect(),
        total_weight: grid.total_weight(),
        formula: format!(
            "Points du critère = poids × ({value} des notes − {min}) ÷ ({max} − {min}). Total = somme des points. \
             Les calculs sont exacts (fractions) ; l'arrondi au centième, demi vers le haut, ne sert qu'à l'affichage.",
            value = aggregation(grid),
            min = scale.min,
            max = scale.max
        ),
        thresholds: grid
            .thresholds
            .iter()
            .map(|t| ThresholdLine {
                code: t.code.clone(),
                label: measure_label(grid, &t.on),
                minimum: two_decimals(t.below.0),
            })
            .collect(),
        ties: grid
            .ties
            .iter()
            .map(|t| format!("{}{}", measure_label(grid, &t.on), if t.lower_wins { " (le plus bas)" } else { "" }))
            .collect(),
        min_jurors: grid.min_jurors,
        min_marks: grid.min_marks(),
        lots: view
            .lots
            .iter()
            .map(|lot| LotSection {
                code: lot.code.clone(),
                label: lot.label.clone(),
                lines: lot.dossiers.iter().map(|d| line(grid, view, d, decided(d))).collect(),
                robustness: robustness(lot),
            })
            .collect(),
        value_name: if view.aggregation == "median" { "Médiane".into() } else { "Moyenne".into() },
        beside: beside(grid, view),
    }
}

fn two_decimals(hundredths: i64) -> String {
    Rational::new(hundredths, 100).unwrap_or(Rational::ZERO).decimal(2, ',')
}

fn measure_label(grid: &Grid, on: &Measure) -> String {
    match on {
        Measure::Total => "Total".into(),
        Measure::Group(code) => format!("Groupe {code}"),
        Measure::Criterion(code) => {
            let label = grid.criterion(code).map_or("", |c| c.label.as_str());
            format!("Moyenne {code} ({label})")
        }
        Measure::Field(code) => format!("Champ {code}"),
    }
}

fn line(grid: &Grid, view: &RankingView, d: &RankedDossier, decision: String) -> RankingLine {
    RankingLine {
        rank: match d.rank {
            Some(rank) if d.ex_aequo => format!("{rank} ex æquo"),
            Some(rank) => rank.to_string(),
            None => "—".into(),
        },
        number: d.number.clone(),
        organisation: d.organisation.clone(),
        total: d.total_shown.clone().unwrap_or_else(|| "—".into()),
        groups: grid
            .groups
            .iter()
            .map(|g| d.groups.get(&g.code).map_or_else(|| "—".into(), |s| s.points_shown.clone()))
            .collect(),
        remark: match d.status.as_str() {
            "eliminated" => d
                .eliminated_by
                .iter()
                .map(|e| format!("éliminé ({}) : {} {} < {}", e.code, e.on, e.value_shown, e.minimum))
                .collect::<Vec<_>>()
                .join(" ; "),
            "insufficient" if d.short_of_marks.is_empty() => {
                format!("notation insuffisante ({} juré·es, minimum {})", d.jurors.len(), grid.min_jurors)
            }
            "insufficient" => format!(
                "notation insuffisante sur {} (minimum {} notes par critère)",
                d.short_of_marks.join(", "),
                grid.min_marks()
            ),
            _ => match &d.decided_by {
                Some(by) => format!("seuils atteints ; départagé par {by}"),
                None => "seuils atteints".into(),
            },
        },
        jurors: d.jurors.len(),
        decision,
        derivation: Derivation {
            jurors: d
                .jurors
                .iter()
                .map(|j| view.voices.get(j).map_or_else(|| j.clone(), |voice| format!("{j} ×{voice}")))
                .collect(),
            criteria: grid
                .criteria()
                .filter_map(|c| d.criteria.get(&c.code).map(|s| (c, s)))
                .map(|(c, s)| CriterionLine {
                    code: c.code.clone(),
                    label: c.label.clone(),
                    weight: c.weight,
                    marks: d
                        .jurors
                        .iter()
                        .map(|j| match s.marks.get(j) {
                            Some(mark) => mark.to_string(),
                            None if s.abstained.contains(j) => "abst.".into(),
                            None => String::new(),
                        })
                        .collect(),
                    mean: s.mean.clone(),
                    mean_shown: s.mean_shown.clone(),
                    points: s.points.clone(),
                    points_shown: s.points_shown.clone(),
                })
                .collect(),
            groups: grid
                .groups
                .iter()
                .filter_map(|g| d.groups.get(&g.code).map(|s| (g, s)))
                .map(|(g, s)| GroupLine {
                    code: g.code.clone(),
                    label: g.label.clone(),
                    weight: s.weight,
                    points: s.points.clone(),
                    points_shown: s.points_shown.clone(),
                })
                .collect(),
            total: d.total.clone(),
            total_shown: d.total_shown.clone(),
        },
    }
}

/// « moyenne », « médiane », …
fn aggregation(grid: &Grid) -> String {
    use ami_domain::grid::Aggregation;

    let key = format!("aggregation-{}", grid.aggregation.as_str());
    let args = match &grid.aggregation {
        Aggregation::Trimmed(each) => vec![("k", each.to_string())],
        _ => vec![],
    };
    ami_views::message(&key, &args).unwrap_or_default()
}

/// The figures of a lot, from two ranked dossiers on.
pub fn figures(lot: &RankedLot) -> Option<LotFigures> {
    let found = lot.robustness.as_ref()?;
    let name = |number: &str| {
        let known = lot.dossiers.iter().find(|d| d.number == number);
        known.map_or_else(|| number.to_owned(), |d| format!("{number} — {}", d.organisation))
    };
    let span = |i: RankInterval| (i.low, i.high);
    let ranks: Vec<RankRow> = found
        .dossiers
        .iter()
        .map(|d| RankRow {
            label: name(&d.number),
            rank: d.rank,
            any_weights: span(d.any_weights),
            near_weights: span(d.near_weights),
            juries: span(d.juries),
        })
        .collect();
    let weights: Vec<WeightRow> = found
        .weights
        .iter()
        .map(|w| WeightRow {
            code: w.code.clone(),
            weight: w.weight,
            first: (w.first.low, w.first.high),
            any: (w.any.low, w.any.high),
        })
        .collect();
    Some(LotFigures {
        ranks: rank_figure(&format!("Rangs possibles des dossiers du lot {}", lot.code), &ranks, found.cut),
        weights: weight_figure(&format!("Stabilité des poids pour le lot {}", lot.code), &weights, found.total_weight),
    })
}

fn robustness(lot: &RankedLot) -> Option<Robustness> {
    let found = lot.robustness.as_ref()?;
    let LotFigures { ranks, weights } = figures(lot)?;
    let mut sentences = found.sentences.clone();
    sentences.push(drawn(found));
    Some(Robustness { sentences, ranks, weights, table: rank_table(found) })
}

/// How the draws can be made again.
fn drawn(found: &RobustnessView) -> String {
    format!(
        "{} tirages de poids, graine {} : les mêmes entrées donnent les mêmes résultats. Quand un poids bouge, les autres \
         gardent leurs proportions.",
        ami_views::integer(found.draws.into()),
        found.seed
    )
}

fn rank_table(found: &RobustnessView) -> Statistics {
    let span = |i: RankInterval| {
        if i.low == i.high { i.low.to_string() } else { format!("{} à {}", i.low, i.high) }
    };
    Statistics {
        headings: [
            "Dossier",
            "Rang officiel",
            "Tous les poids",
            "premier",
            "Poids à 20 % près",
            "premier",
            "Autres jurys (95 %)",
            "premier",
        ]
        .map(String::from)
        .to_vec(),
        rows: found
            .dossiers
            .iter()
            .map(|d| {
                let mut cells = vec![d.number.clone(), d.rank.to_string()];
                for i in [d.any_weights, d.near_weights, d.juries] {
                    cells.extend([span(i), ami_views::percent(i.first)]);
                }
                cells
            })
            .collect(),
    }
}

fn beside(grid: &Grid, view: &RankingView) -> Vec<Beside> {
    let mut parts = Vec::new();
    if let Some(found) = &view.agreement {
        let row = |name: String, of: &ConcordanceView| {
            let mut cells = vec![name];
            cells.extend(
                [of.krippendorff_interval, of.krippendorff_ordinal, of.icc2_1, of.icc2_k, of.kendall_w].map(optional),
            );
            cells
        };
        let mut rows = vec![row("Total".into(), &found.total)];
        rows.extend(
            grid.criteria()
                .filter_map(|c| found.criteria.get(&c.code).map(|of| row(format!("{} {}", c.code, c.label), of))),
        );
        let headings = ["Sur", "Alpha (écarts)", "Alpha (ordre)", "ICC(2,1)", "ICC(2,k)", "W de Kendall"];
        let mut sentences = found.sentences.clone();
        sentences.push(
            "1 : accord parfait ; 0 : ce que donnerait le hasard ; — : le plan de notation ne permet pas ce calcul."
                .into(),
        );
        parts.push(Beside {
            title: "Accord du jury".into(),
            sentences,
            tables: vec![Statistics { headings: headings.map(String::from).to_vec(), rows }],
        });
    }
    if let Some(found) = &view.severity {
        let jurors = found.jurors.iter().map(|(label, j)| {
            let mark = if j.stands_out { " (se distingue)" } else { "" };
            vec![
                format!("{label}{mark}"),
                j.dossiers.to_string(),
                signed(j.effect),
                optional(j.standard_error),
                decimals(j.mean),
                optional(j.sd),
            ]
        });
        let headings = ["Juré·e", "Dossiers", "Écart aux autres", "Erreur type", "Moyenne", "Écart type"];
        let ranked = view.lots.iter().flat_map(|lot| lot.dossiers.iter().map(move |d| (lot, d)));
        let adjusted = ranked.filter_map(|(lot, line)| {
            let d = found.dossiers.get(&line.number)?;
            let name = format!("{} — {}", lot.code, line.number);
            let adjusted = d.adjusted_rank.map_or_else(|| "—".into(), |rank| rank.to_string());
            Some(vec![name, line.rank?.to_string(), adjusted, decimals(d.adjusted), signed(d.z)])
        });
        let outlying = found.marks.iter().map(|m| {
            vec![m.dossier.clone(), m.juror.clone(), m.criterion.clone(), m.mark.clone(), decimals(m.expected)]
        });
        let far = ["Note éloignée de l'attendu : dossier", "Juré·e", "Critère", "Note", "Attendue"];
        let words = ["Lot et dossier classé", "Rang officiel", "Rang ajusté", "Moyenne ajustée", "Écart réduit z"];
        parts.push(Beside {
            title: "Sévérité des juré·es".into(),
            sentences: found.sentences.clone(),
            tables: vec![
                Statistics { headings: headings.map(String::from).to_vec(), rows: jurors.collect() },
                Statistics { headings: far.map(String::from).to_vec(), rows: outlying.collect() },
                Statistics { headings: words.map(String::from).to_vec(), rows: adjusted.collect() },
            ],
        });
    }
    parts
}

fn decimals(value: f64) -> String {
    optional(Some(value))
}

fn signed(value: f64) -> String {
    let text = decimals(value);
    if text.starts_with('\u{2212}') || text == "0,00" { text } else { format!("+{text}") }
}

fn optional(value: Option<f64>) -> String {
    ami_views::fixed(value, 2)
}
