//! What each statistic says, in one plain sentence in French: these are read by officers and jurors.

use crate::agreement::{Concordance, Undefined};
use crate::exact::Rational;
use crate::robustness::Robustness;
use crate::severity::Severity;
use crate::stability::WeightStability;

impl Undefined {
    /// The reason as a sentence in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::TooFew => "Il faut au moins deux dossiers notés par au moins deux jurés.",
            Self::Incomplete => "Cet indicateur demande que chaque juré ait noté chaque dossier.",
            Self::NoVariation => "Toutes les notes sont égales\u{a0}: il n’y a rien à comparer.",
        }
    }
}

impl Concordance {
    /// One sentence in French per statistic that a reader may act on: alpha, ICC(2,k), Kendall's W.
    ///
    /// The bounds are those of Krippendorff (2004) for alpha, of Koo & Li (2016) for the ICC, of Schmidt (1997) for W.
    pub fn sentences(&self) -> Vec<String> {
        let alpha = match self.interval {
            Ok(alpha) => {
                let reading = if alpha >= 0.8 {
                    "les jurés s’accordent assez pour que les notes soient sûres"
                } else if alpha >= 0.667 {
                    "l’accord suffit pour des conclusions prudentes"
                } else if alpha >= 0.0 {
                    "les jurés ne lisent pas l’échelle de la même façon, une harmonisation est utile"
                } else {
                    "les jurés s’opposent plus que ne le ferait le hasard"
                };
                format!("Alpha de Krippendorff {}\u{a0}: {reading}.", number(alpha))
            }
            Err(reason) => format!("Alpha de Krippendorff\u{a0}: {}", reason.french()),
        };
        let icc = match self.intraclass {
            Ok(icc) => {
                let value = icc.icc2_k.value;
                let reading = if value >= 0.9 {
                    "excellente"
                } else if value >= 0.75 {
                    "bonne"
                } else if value >= 0.5 {
                    "moyenne"
                } else {
                    "faible"
                };
                format!(
                    "Corrélation intraclasse ICC(2,k) {}\u{a0}: la moyenne du jury est d’une fiabilité {reading}.",
                    number(value)
                )
            }
            Err(reason) => format!("Corrélation intraclasse\u{a0}: {}", reason.french()),
        };
        let w = match self.kendall_w {
            Ok(w) => {
                let reading = if w >= 0.7 {
                    "presque le même ordre"
                } else if w >= 0.5 {
                    "un ordre proche"
                } else if w >= 0.3 {
                    "des ordres en partie différents"
                } else {
                    "des ordres très différents"
                };
                format!("W de Kendall {}\u{a0}: les jurés rangent les dossiers dans {reading}.", number(w))
            }
            Err(reason) => format!("W de Kendall\u{a0}: {}", reason.french()),
        };
        vec![alpha, icc, w]
    }
}

/// Two decimals after a comma.
pub(crate) fn number(value: f64) -> String {
    format!("{value:.2}").replace('.', ",").replace('-', "\u{2212}")
}

impl Severity {
    /// What severity says, in French sentences.
    pub(crate) fn say(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.jurors.is_empty() {
            return vec!["Aucune fiche complète\u{a0}: la sévérité ne peut pas être estimée.".to_owned()];
        }
        if self.components > 1 {
            sentences.push(format!(
                "Les jurés forment {} ensembles sans dossier commun\u{a0}: leur sévérité ne se compare pas d’un ensemble à l’autre.",
                self.components
            ));
        }
        let standing = |lenient: bool| {
            let names: Vec<&str> = self
                .jurors
                .iter()
                .filter(|(_, juror)| juror.stands_out && (juror.effect > 0.0) == lenient)
                .map(|(id, _)| id.as_str())
                .collect();
            names.join(", ")
        };
        let (lenient, severe) = (standing(true), standing(false));
        match (lenient.is_empty(), severe.is_empty()) {
            (true, true) => {
                sentences.push("Aucun juré ne se distingue par sa sévérité ni par son indulgence.".to_owned());
            }
            (true, false) => sentences.push(format!("Notent nettement plus bas que les autres\u{a0}: {severe}.")),
            (false, true) => sentences.push(format!("Notent nettement plus haut que les autres\u{a0}: {lenient}.")),
            (false, false) => {
                sentences.push(format!(
                    "Notent nettement plus haut que les autres\u{a0}: {lenient}\u{a0}; plus bas\u{a0}: {severe}."
                ));
            }
        }
        match self.marks.len() {
            0 => {}
            1 => sentences
                .push("Une note s’écarte beaucoup de ce que le dossier et le juré laissaient attendre.".to_owned()),
            count => sentences.push(format!(
                "{count} notes s’écartent beaucoup de ce que le dossier et le juré laissaient attendre."
            )),
        }
        sentences
    }
}

impl Robustness {
    /// What robustness says of the first place, in French sentences.
    pub fn sentences(&self) -> Vec<String> {
        let Some(leader) = self.leader() else {
            return vec!["Aucun dossier n’est classé\u{a0}: il n’y a pas de rang à éprouver.".to_owned()];
        };
        let mut sentences = Vec::new();
        if let Some(any) = leader.any_weights() {
            let id = leader.id();
            sentences.push(match any.high {
                1 => format!("Le dossier {id} est premier quels que soient les poids."),
                worst => format!(
                    "Le dossier {id} est premier pour {} des poids possibles\u{a0}; au pire, il est {worst}ᵉ.",
                    percent(any.first)
                ),
            });
        }
        if let Some(near) = leader.near_weights() {
            let nearby = percent(self.spec().nearby);
            sentences.push(match near.high {
                1 => format!("Quand chaque poids varie de {nearby} au plus, il reste toujours premier."),
                _ => format!(
                    "Quand chaque poids varie de {nearby} au plus, il est premier dans {} des tirages.",
                    percent(near.first)
                ),
            });
        }
        if let Some(juries) = leader.juries() {
            let first = percent(juries.first);
            sentences.push(if juries.low == juries.high {
                format!("Avec d’autres jurys tirés parmi les mêmes jurés, il est premier dans {first} des cas.")
            } else {
                format!(
                    "Avec d’autres jurys tirés parmi les mêmes jurés, il est premier dans {first} des cas, et du rang {} au rang {} dans 95\u{a0}% des cas.",
                    juries.low, juries.high
                )
            });
        }
        sentences.push(self.say_weights());
        sentences
    }

    /// The weight that first place bears least: the one to look at.
    fn say_weights(&self) -> String {
        // A bound at either end of the scale binds nothing.
        let bounds = |found: &WeightStability| {
            let low = Some(found.first.low.clone()).filter(|low| *low > Rational::ZERO);
            let high = Some(found.first.high.clone()).filter(|high| high < self.total_weight());
            (low, high)
        };
        let room = |found: &WeightStability| {
            let (low, high) = bounds(found);
            let below = low.map(|low| &found.weight - &low);
            below.into_iter().chain(high.map(|high| &high - &found.weight)).min()
        };
        let tightest = self
            .weights()
            .filter_map(|(code, found)| found.and_then(|found| Some((room(found)?, code, found))))
            .min_by(|a, b| a.0.cmp(&b.0));
        let Some((_, code, found)) = tightest else {
            return "Aucun poids, changé seul, ne changerait la première place.".to_owned();
        };
        let shown = |weight: Rational| weight.decimal(2, ',');
        let range = match bounds(found) {
            (Some(low), Some(high)) => format!("entre {} et {}", shown(low), shown(high)),
            (Some(low), None) => format!("au moins à {}", shown(low)),
            (None, Some(high)) => format!("au plus à {}", shown(high)),
            (None, None) => String::new(),
        };
        format!(
            "Le poids le plus sensible est {code} ({} dans la grille)\u{a0}: la première place ne change pas tant qu’il reste {range}.",
            shown(found.weight.clone())
        )
    }
}

/// A share as a percentage; only a whole is « 100 % », only nothing is « 0 % ».
fn percent(share: f64) -> String {
    let rounded = (share * 100.0).round();
    if rounded >= 100.0 && share < 1.0 {
        "plus de 99\u{a0}%".to_owned()
    } else if rounded <= 0.0 && share > 0.0 {
        "moins de 1\u{a0}%".to_owned()
    } else {
        format!("{rounded:.0}\u{a0}%")
    }
}
