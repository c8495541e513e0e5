//! What each statistic says, in one plain sentence in French: these are read by officers and jurors.

use crate::agreement::{Concordance, Undefined};
use crate::robustness::Robustness;
use crate::severity::Severity;

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
            sentences.push(format!(
                "Le dossier {} est premier pour {} des poids possibles, entre le rang {} et le rang {}.",
                leader.id(),
                percent(any.first),
                any.low,
                any.high
            ));
        }
        if let Some(near) = leader.near_weights() {
            sentences.push(format!(
                "Quand chaque poids varie de {} au plus, il est premier dans {} des tirages.",
                percent(self.spec().nearby),
                percent(near.first)
            ));
        }
        if let Some(juries) = leader.juries() {
            sentences.push(format!(
                "Avec d’autres jurys tirés parmi les mêmes jurés, il est premier dans {} des cas, et du rang {} au rang {} dans 95\u{a0}% des cas.",
                percent(juries.first),
                juries.low,
                juries.high
            ));
        }
        // The tightest weight is the one to look at first.
        let room = |found: &crate::WeightStability| {
            let (low, high) = (&found.weight - &found.first.low, &found.first.high - &found.weight);
            low.min(high)
        };
        let tightest = self
            .weights()
            .filter_map(|(code, found)| found.map(|found| (code, found)))
            .min_by_key(|(_, found)| room(found));
        if let Some((code, found)) = tightest {
            sentences.push(format!(
                "Le poids le plus sensible est {code}\u{a0}: la première place ne change pas tant qu’il reste entre {} et {} (il est de {}).",
                found.first.low.decimal(2, ','),
                found.first.high.decimal(2, ','),
                found.weight.decimal(2, ',')
            ));
        }
        sentences
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", share * 100.0)
}
