//! A ranking of 400 dossiers, 17 criteria and 5 sheets each, over 22 lots: time, peak memory and size of its file, beside what they
//! were when every table cell was a `lopdf` dictionary.
//!
//! `AMI_PDF` names a file to write it to, for `qpdf --check` or a reader.

#![expect(clippy::expect_used, clippy::cast_precision_loss, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ami_documents::{
    Beside, CriterionLine, Derivation, GroupLine, LotSection, RankRow, RankingDocument, RankingLine, Robustness,
    Statistics, ThresholdLine, WeightRow, rank_figure, ranking_pdf, weight_figure,
};

const DOSSIERS: usize = 400;
const LOTS: usize = 22;
const JURORS: usize = 5;
const GROUPS: [(&str, &str, usize); 5] = [
    ("A", "Qualité du projet alimentaire", 4),
    ("B", "Capacité de la structure", 4),
    ("C", "Ancrage dans le territoire", 3),
    ("D", "Accompagnement des personnes", 3),
    ("E", "Budget et suivi", 3),
];
/// What the same document took before: seconds, megabytes of memory, megabytes of file.
const BEFORE: (f64, f64, f64) = (2.3, 900.0, 5.1);

/// Numbers that look drawn at random and are the same each time.
fn drawn(seed: usize, below: usize) -> usize {
    let mut x = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    usize::try_from(x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33).unwrap_or_default() % below
}

fn shown(hundredths: usize) -> String {
    format!("{},{:02}", hundredths / 100, hundredths % 100)
}

fn derivation(dossier: usize) -> Derivation {
    let mut criteria = Vec::new();
    let mut groups = Vec::new();
    let mut total = 0;
    for (code, label, count) in GROUPS {
        let mut points = 0;
        for number in 1..=count {
            let seed = (dossier * 31 + number) * 7 + usize::from(code.as_bytes()[0]);
            let marks: Vec<usize> = (0..JURORS).map(|juror| drawn(seed * JURORS + juror, 6)).collect();
            let sum: usize = marks.iter().sum();
            let weight = 3 + number * 2;
            points += sum * weight;
            criteria.push(CriterionLine {
                code: format!("{code}{number}"),
                label: format!("{label} : attente numéro {number} du cahier des charges, telle que publiée"),
                weight: u32::try_from(weight).expect("it is small"),
                marks: marks.iter().map(ToString::to_string).collect(),
                mean: format!("{sum}/{JURORS}"),
                mean_shown: shown(sum * 100 / JURORS),
                points: format!("{}/{}", sum * weight, JURORS * 5),
                points_shown: shown(sum * weight * 100 / (JURORS * 5)),
            });
        }
        total += points;
        groups.push(GroupLine {
            code: code.into(),
            label: label.into(),
            weight: 20,
            points: format!("{points}/{}", JURORS * 5),
            points_shown: shown(points * 100 / (JURORS * 5)),
        });
    }
    Derivation {
        jurors: (1..=JURORS).map(|j| format!("J{j}")).collect(),
        criteria,
        groups,
        total: Some(format!("{total}/{}", JURORS * 5)),
        total_shown: Some(shown(total * 100 / (JURORS * 5))),
    }
}

fn line(dossier: usize, rank: usize) -> RankingLine {
    let derivation = derivation(dossier);
    RankingLine {
        rank: rank.to_string(),
        number: format!("ALI27-{:04}", dossier + 1),
        organisation: format!("Association « Le Panier n° {} »", drawn(dossier, 9_000)),
        total: derivation.total_shown.clone().unwrap_or_default(),
        groups: derivation.groups.iter().map(|g| g.points_shown.clone()).collect(),
        remark: "Seuils atteints".into(),
        jurors: JURORS,
        decision: ["Retenu", "Liste complémentaire", ""][drawn(dossier, 3)].into(),
        derivation,
    }
}

fn robustness(lines: &[RankingLine]) -> Robustness {
    let ranks: Vec<RankRow> = (1..)
        .zip(lines)
        .map(|(rank, line)| RankRow {
            label: line.number.clone(),
            rank,
            any_weights: (1, lines.len()),
            near_weights: (rank, rank + 1),
            juries: (rank.max(2) - 1, rank + 1),
        })
        .collect();
    let weights: Vec<WeightRow> = (0..17_u8)
        .map(|c| WeightRow {
            code: format!("C{c}"),
            weight: 6.0,
            first: (0.0, 9.0 + f64::from(c)),
            any: (5.0, 7.0 + f64::from(c) / 3.0),
        })
        .collect();
    Robustness {
        sentences: vec!["Le premier dossier le reste quels que soient les poids.".into()],
        ranks: rank_figure("Rangs possibles", &ranks, 2),
        weights: weight_figure("Stabilité des poids", &weights, 100.0),
        table: Statistics {
            headings: ["Dossier", "Rang", "Poids quelconques", "Poids voisins", "Jurys"].map(Into::into).into(),
            rows: lines
                .iter()
                .map(|l| vec![l.number.clone(), l.rank.clone(), "1 à 18".into(), "2 à 3".into(), "1 à 3".into()])
                .collect(),
        },
    }
}

fn document() -> RankingDocument {
    let lots = (0..LOTS).map(|lot| {
        let lines: Vec<RankingLine> =
            (1..).zip((lot..DOSSIERS).step_by(LOTS)).map(|(rank, dossier)| line(dossier, rank)).collect();
        LotSection {
            code: format!("ALI-{:02}", lot + 1),
            label: format!("Territoire {}", lot + 1),
            robustness: Some(robustness(&lines)),
            lines,
        }
    });
    RankingDocument {
        call_code: "AMI-ALI-2027".into(),
        call_title: "Appel à manifestation d'intérêt : aide alimentaire".into(),
        call_version: 2,
        authority: "Département".into(),
        computed_at: "jeudi 27 mai 2027 à 10:00:00".into(),
        at: "2027-05-27T08:00:00Z".parse().expect("an instant"),
        engine: "ami-scoring".into(),
        hash: "ab".repeat(32),
        demonstration: true,
        groups: GROUPS.iter().map(|(code, _, _)| ((*code).to_owned(), 20)).collect(),
        total_weight: 100,
        formula: "Points = poids × moyenne ÷ 5".into(),
        thresholds: vec![ThresholdLine { code: "i".into(), label: "Total".into(), minimum: "55,00".into() }],
        ties: vec!["Groupe A".into(), "Critère A1".into()],
        min_jurors: 3,
        min_marks: 2,
        value_name: "Moyenne".into(),
        lots: lots.collect(),
        beside: vec![Beside {
            title: "Accord".into(),
            sentences: vec!["Les juré·es s'accordent assez.".into()],
            tables: vec![Statistics {
                headings: vec!["Critère".into(), "Alpha".into()],
                rows: (1..=17).map(|c| vec![format!("Critère {c}"), shown(60 + c)]).collect(),
            }],
        }],
    }
}

/// The most memory that the process has had, in megabytes, where `/proc` says so.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kb| kb / 1024.0)
}

/// What the thread has had of a processor, where `/proc` says so: what it would take on a machine that does nothing else.
fn processor() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(spent.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default())
}

fn main() {
    let document = document();
    let own = peak();
    let bytes = ranking_pdf(&document).expect("it is drawn");
    if let Some(path) = std::env::var_os("AMI_PDF") {
        std::fs::write(path, &bytes).expect("it is written");
    }
    let memory = peak();
    let started = Instant::now();
    let (mut best, mut runs, mut of_processor) = (Duration::MAX, 0, Duration::MAX);
    while runs < 3 || (runs < 20 && started.elapsed() < Duration::from_secs(5)) {
        let (start, worked) = (Instant::now(), processor());
        black_box(ranking_pdf(black_box(&document)).expect("it is drawn"));
        best = best.min(start.elapsed());
        of_processor = of_processor.min(processor().saturating_sub(worked));
        runs += 1;
    }
    let (seconds, megabytes) = (best.as_secs_f64(), bytes.len() as f64 / 1e6);
    println!("ranking PDF, {DOSSIERS} dossiers × 17 criteria × {JURORS} sheets");
    println!("time   {seconds:>8.3} s   {:>6.1}× less than before", BEFORE.0 / seconds);
    println!("       {:>8.3} s of a processor", of_processor.as_secs_f64());
    println!("file   {megabytes:>8.2} MB  {:>6.1}× less than before", BEFORE.2 / megabytes);
    if let (Some(own), Some(memory)) = (own, memory) {
        println!("memory {memory:>8.1} MB at its highest, {own:.1} of them the data; {:.1}× less", BEFORE.1 / memory);
    }
}
