//! The answer as tables to read.

use std::io::Write;

use ami_scoring::{Agreement, Concordance, RankedDossier, Rational, Robustness, Severity, Status};

use super::Answer;

/// Writes the tables.
pub(crate) fn write(out: &mut impl Write, answer: &Answer<'_>) -> std::io::Result<()> {
    writeln!(out, "Classement officiel — moteur {}, entrées {}", answer.engine, answer.input_sha256)?;
    let mut header = vec!["Rang".to_owned(), "Dossier".to_owned(), "Total".to_owned()];
    if let Some(first) = answer.dossiers.first() {
        header.extend(first.groups().filter(|group| group.depth == 0).map(|group| group.code.to_owned()));
    }
    header.push("État".to_owned());
    let rows: Vec<Vec<String>> = answer.dossiers.iter().map(official).collect();
    columns(out, &header, &rows)?;
    if let Some(found) = &answer.agreement {
        agreement(out, found)?;
    }
    if let Some(found) = &answer.severity {
        severity(out, found)?;
    }
    if let Some(found) = &answer.robustness {
        robustness(out, found)?;
    }
    Ok(())
}

fn title(out: &mut impl Write, title: &str, sentences: &[String]) -> std::io::Result<()> {
    writeln!(out, "\n{title}")?;
    for sentence in sentences {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}

/// Three decimals after a comma, or a dash.
fn decimal(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}").replace('.', ","))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn agreement(out: &mut impl Write, found: &Agreement) -> std::io::Result<()> {
    title(out, "Accord entre jurés", &found.total.sentences())?;
    let row = |name: &str, of: &Concordance| {
        let icc = of.intraclass.ok();
        let values = [
            of.interval.ok(),
            of.ordinal.ok(),
            icc.map(|icc| icc.icc2_1.value),
            icc.map(|icc| icc.icc2_k.value),
            of.kendall_w.ok(),
        ];
        let mut row = vec![name.to_owned()];
        row.extend(values.into_iter().map(decimal));
        row
    };
    let mut rows = vec![row("total", &found.total)];
    rows.extend(found.criteria.iter().map(|(code, of)| row(code, of)));
    columns(
        out,
        &names(&["Sur", "Alpha (intervalle)", "Alpha (ordinal)", "ICC(2,1)", "ICC(2,k)", "W de Kendall"]),
        &rows,
    )
}

fn severity(out: &mut impl Write, found: &Severity) -> std::io::Result<()> {
    title(out, "Sévérité des jurés", &found.sentences)?;
    let rows: Vec<Vec<String>> = found
        .jurors
        .iter()
        .map(|(id, juror)| {
            let values = [Some(juror.effect), juror.standard_error, Some(juror.mean), juror.sd];
            let mut row = vec![id.clone()];
            row.extend(values.into_iter().map(decimal));
            row
        })
        .collect();
    columns(out, &names(&["Juré", "Effet", "Erreur type", "Moyenne", "Écart type"]), &rows)?;
    let rows: Vec<Vec<String>> = found
        .dossiers
        .iter()
        .map(|(id, dossier)| {
            let rank = dossier.adjusted_rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string());
            vec![id.clone(), decimal(Some(dossier.adjusted)), rank, decimal(Some(dossier.z))]
        })
        .collect();
    writeln!(out)?;
    columns(out, &names(&["Dossier", "Note corrigée", "Rang corrigé", "Note centrée réduite"]), &rows)
}

fn robustness(out: &mut impl Write, found: &Robustness) -> std::io::Result<()> {
    let heading = format!("Robustesse — {} tirages, graine {}", found.spec().draws.count, found.spec().draws.seed);
    title(out, &heading, &found.sentences())?;
    let rows: Vec<Vec<String>> = found
        .dossiers()
        .map(|dossier| {
            let mut row = vec![dossier.id().to_owned()];
            if let Some(any) = dossier.any_weights() {
                row.extend([
                    format!("{}–{}", any.low, any.high),
                    decimal(Some(any.first)),
                    decimal(Some(any.above_cut)),
                ]);
            }
            if let Some(juries) = dossier.juries() {
                row.extend([format!("{}–{}", juries.low, juries.high), decimal(Some(juries.first))]);
            }
            row
        })
        .collect();
    let header = ["Dossier", "Rangs (poids)", "Premier", "Retenu", "Rangs (jurys, 95\u{a0}%)", "Premier"];
    columns(out, &names(&header), &rows)?;
    let rows: Vec<Vec<String>> = found
        .weights()
        .filter_map(|(code, stability)| {
            let of = stability?;
            let interval =
                |of: &ami_scoring::WeightInterval| format!("{}–{}", of.low.decimal(2, ','), of.high.decimal(2, ','));
            Some(vec![
                code.to_owned(),
                of.weight.decimal(2, ','),
                interval(&of.first),
                interval(&of.cut),
                interval(&of.any),
            ])
        })
        .collect();
    writeln!(out)?;
    columns(out, &names(&["Critère", "Poids", "Première place", "Places retenues", "Tous les rangs"]), &rows)
}

fn shown(value: Option<&Rational>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.decimal(2, ','))
}

fn official(dossier: &RankedDossier<'_>) -> Vec<String> {
    let rank = dossier.rank().map_or_else(|| "–".to_owned(), |rank| rank.to_string());
    let mut row = vec![rank, dossier.id().to_owned(), shown(dossier.total())];
    row.extend(dossier.groups().filter(|group| group.depth == 0).map(|group| shown(group.points)));
    let mut state = match dossier.status() {
        Status::Ranked if dossier.is_ex_aequo() => "classé ex æquo".to_owned(),
        Status::Ranked => "classé".to_owned(),
        Status::Eliminated => {
            let missed: Vec<String> = dossier
                .eliminated_by()
                .map(|e| format!("{}\u{a0}: {} < {}", e.on(), e.value.decimal(2, ','), e.minimum.decimal(2, ',')))
                .collect();
            format!("éliminé ({})", missed.join("\u{a0}; "))
        }
        Status::Insufficient => format!("notation insuffisante ({} juré·e·s)", dossier.jurors()),
    };
    if let Some(breaker) = dossier.decided_by() {
        state.push_str(", départagé par ");
        state.push_str(breaker);
    }
    row.push(state);
    row
}

/// Columns as wide as their widest cell; the last one is left ragged.
pub(crate) fn columns(out: &mut impl Write, header: &[String], rows: &[Vec<String>]) -> std::io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.chain(header.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
