//! Decisions as tables for spreadsheets.

use jiff::civil::DateTime;
use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Workbook};

use crate::DocumentError;

/// One dossier with what was decided.
#[derive(Debug, Clone)]
pub struct DecisionRow {
    /// The lot's code.
    pub lot: String,
    /// The lot's name.
    pub lot_label: String,
    /// In the newest ranking.
    pub rank: Option<usize>,
    /// Whether it shares its rank.
    pub ex_aequo: bool,
    /// The dossier's number.
    pub number: String,
    /// Who applied.
    pub organisation: String,
    /// Fourteen digits.
    pub siret: String,
    /// In words.
    pub status: String,
    /// Two decimals after a comma.
    pub total: Option<String>,
    /// In words; may be empty.
    pub decision: String,
    /// Yearly support, in cents; none while the decision is to be confirmed.
    pub amount_cents: Option<i64>,
    /// Why the decision is to be confirmed, in words; empty when it is not.
    pub stale: String,
    /// Why.
    pub reason: String,
    /// The published rules that it goes beyond and why, in words; empty when it goes beyond none.
    pub overridden: String,
    /// When, in Paris.
    pub decided_at: Option<DateTime>,
    /// By whom.
    pub decided_by: String,
}

const HEADINGS: [&str; 15] = [
    "Lot",
    "Territoire",
    "Rang",
    "Dossier",
    "Structure",
    "SIRET",
    "Situation",
    "Total",
    "Décision",
    "Montant annuel (€)",
    "À confirmer",
    "Motif",
    "Dérogation",
    "Décidé le (heure de Paris)",
    "Décidé par",
];

/// A cell that no spreadsheet reads as a formula.
pub(crate) fn safe(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A SIRET in groups: a spreadsheet that opens a CSV would read fourteen digits as a number, and round it.
pub(crate) fn grouped(siret: &str) -> String {
    match (siret.get(..3), siret.get(3..6), siret.get(6..9), siret.get(9..)) {
        (Some(a), Some(b), Some(c), Some(rest)) if siret.len() == 14 => format!("{a} {b} {c} {rest}"),
        _ => siret.to_owned(),
    }
}

pub(crate) fn euros(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{},{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

pub(crate) fn excel(at: DateTime) -> Result<ExcelDateTime, DocumentError> {
    let (month, day) = (at.month().unsigned_abs(), at.day().unsigned_abs());
    let year = at.year().unsigned_abs();
    let (hour, minute) = (u16::from(at.hour().unsigned_abs()), at.minute().unsigned_abs());
    Ok(ExcelDateTime::from_ymd(year, month, day)?.and_hms(hour, minute, f64::from(at.second()))?)
}

/// CSV that a French spreadsheet opens right: UTF-8 with a byte order mark, semicolons, decimal commas.
///
/// # Errors
/// [`DocumentError::Csv`], which writing to memory does not give.
pub fn decisions_csv(rows: &[DecisionRow]) -> Result<Vec<u8>, DocumentError> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    writer.write_record(HEADINGS)?;
    for row in rows {
        writer.write_record([
            safe(&row.lot),
            safe(&row.lot_label),
            row.rank.map_or_else(String::new, |r| if row.ex_aequo { format!("{r} ex æquo") } else { r.to_string() }),
            safe(&row.number),
            safe(&row.organisation),
            grouped(&row.siret),
            safe(&row.status),
            row.total.clone().unwrap_or_default(),
            safe(&row.decision),
            row.amount_cents.map_or_else(String::new, euros),
            safe(&row.stale),
            safe(&row.reason),
            safe(&row.overridden),
            row.decided_at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            safe(&row.decided_by),
        ])?;
    }
    writer.into_inner().map_err(|e| DocumentError::Csv(e.into_error().into()))
}

/// The same as XLSX: numbers are numbers, identifiers are text, instants are instants of Paris, the headings stay in view.
///
/// # Errors
/// [`DocumentError::Xlsx`].
pub fn decisions_xlsx(rows: &[DecisionRow]) -> Result<Vec<u8>, DocumentError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("Décisions")?;
    let bold = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top);
    let two = Format::new().set_num_format("0.00");
    let money = Format::new().set_num_format("# ##0.00 €");
    let instant = Format::new().set_num_format("dd/mm/yyyy hh:mm:ss");
    let wrap = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for (column, heading) in (0u16..).zip(HEADINGS) {
        sheet.write_with_format(0, column, heading, &bold)?;
    }
    for (line, row) in (1u32..).zip(rows) {
        sheet.write(line, 0, &row.lot)?;
        sheet.write(line, 1, &row.lot_label)?;
        if let Some(rank) = row.rank.and_then(|r| u32::try_from(r).ok()) {
            sheet.write(line, 2, rank)?;
        }
        sheet.write(line, 3, &row.number)?;
        sheet.write(line, 4, &row.organisation)?;
        sheet.write_string(line, 5, &row.siret)?;
        sheet.write(line, 6, &row.status)?;
        if let Some(total) = row.total.as_ref().and_then(|t| t.replace(',', ".").parse::<f64>().ok()) {
            sheet.write_with_format(line, 7, total, &two)?;
        }
        sheet.write(line, 8, &row.decision)?;
        if let Some(cents) = row.amount_cents {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a spreadsheet's numbers are doubles; cents stay exact below 2^53"
            )]
            sheet.write_with_format(line, 9, cents as f64 / 100.0, &money)?;
        }
        sheet.write(line, 10, &row.stale)?;
        sheet.write_with_format(line, 11, &row.reason, &wrap)?;
        sheet.write_with_format(line, 12, &row.overridden, &wrap)?;
        if let Some(at) = row.decided_at {
            sheet.write_with_format(line, 13, excel(at)?, &instant)?;
        }
        sheet.write(line, 14, &row.decided_by)?;
    }
    for (column, width) in (0u16..).zip([9, 34, 7, 14, 34, 18, 20, 9, 20, 18, 34, 40, 40, 20, 22]) {
        sheet.set_column_width(column, width)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    // On paper: A4, lying, as wide as a page, the headings on each.
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    sheet.set_footer("&C&A — &P / &N");
    let last = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    sheet.autofilter(0, 0, last, 14)?;
    Ok(book.save_to_buffer()?)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn row() -> DecisionRow {
        DecisionRow {
            lot: "ALI-01".into(),
            lot_label: "Saint-Denis".into(),
            rank: Some(1),
            ex_aequo: true,
            number: "ALI27-0001".into(),
            organisation: "=HYPERLINK(1)".into(),
            siret: "00009301300019".into(),
            status: "Classé".into(),
            total: Some("75,27".into()),
            decision: "Retenu".into(),
            amount_cents: Some(48_300_001),
            stale: String::new(),
            reason: "Projet ; solide".into(),
            overridden: "enveloppe annuelle : deux bassins".into(),
            decided_at: Some(date(2026, 11, 25).at(1, 53, 2, 0)),
            decided_by: "Mission insertion".into(),
        }
    }

    #[test]
    fn csv_survives_a_double_click() {
        let mut stale = row();
        (stale.decided_at, stale.siret, stale.amount_cents) = (None, "x".into(), None);
        let text = String::from_utf8(decisions_csv(&[row(), stale]).expect("it is written")).expect("it is text");
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split("\r\n").collect();
        assert_eq!(
            lines[1],
            "ALI-01;Saint-Denis;1 ex æquo;ALI27-0001;'=HYPERLINK(1);000 093 013 00019;Classé;75,27;Retenu;483000,01;;\
             \"Projet ; solide\";enveloppe annuelle : deux bassins;2026-11-25 01:53:02;Mission insertion"
        );
        assert!(lines[2].contains(";x;") && lines[2].contains(";;Mission insertion"), "{}", lines[2]);
        assert_eq!(lines[0].split(';').count(), 15);
    }
}
