//! A table for spreadsheets, whatever it is of: as CSV and as XLSX.

use jiff::civil::DateTime;
use rust_xlsxwriter::{Format, FormatAlign, Workbook};

use crate::DocumentError;
use crate::tables::{euros, excel, grouped, safe};

/// Characters that a cell of a spreadsheet holds.
const MOST: usize = 32_767;
/// What a cell that was cut ends with.
const CUT: &str = " […] (coupé : une cellule tient 32 767 caractères)";

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// What people read.
    pub heading: String,
    /// What programs read: a name that stays. Shown in a second row where a column has one.
    pub code: String,
    /// In characters.
    pub width: u8,
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// Digits that are no number.
    Identifier(String),
    /// A whole number.
    Integer(i64),
    /// A number with decimals, written with a point.
    Decimal(String),
    /// Cents.
    Money(i64),
    /// An instant, in Paris.
    Instant(DateTime),
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// The sheet's name, at most 31 characters.
    pub name: String,
    /// From left to right.
    pub columns: Vec<Column>,
    /// As many cells as columns in each.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    fn has_codes(&self) -> bool {
        self.columns.iter().any(|column| !column.code.is_empty())
    }
}

/// As much of a text as a cell holds.
fn fitting(text: &str) -> String {
    if text.encode_utf16().count() <= MOST {
        return text.to_owned();
    }
    let room = MOST - CUT.encode_utf16().count();
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= room
        })
        .collect();
    kept + CUT
}

/// CSV that a French spreadsheet opens right: UTF-8 with a byte order mark, semicolons, decimal commas, identifiers in groups.
///
/// # Errors
/// [`DocumentError::Csv`], which writing to memory does not give.
pub fn table_csv(table: &Table) -> Result<Vec<u8>, DocumentError> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    writer.write_record(table.columns.iter().map(|column| safe(&column.heading)))?;
    if table.has_codes() {
        writer.write_record(table.columns.iter().map(|column| safe(&column.code)))?;
    }
    for row in &table.rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => safe(&fitting(text)),
            Cell::Identifier(digits) => grouped(digits),
            Cell::Integer(number) => number.to_string(),
            Cell::Decimal(number) => number.replace('.', ","),
            Cell::Money(cents) => euros(*cents),
            Cell::Instant(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }))?;
    }
    writer.into_inner().map_err(|e| DocumentError::Csv(e.into_error().into()))
}

/// CSV that programs read: commas, points, nothing before the headings.
///
/// # Errors
/// [`DocumentError::Csv`] when a row has another number of cells than there are headings.
pub fn plain_csv(headings: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, DocumentError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(headings)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|e| DocumentError::Csv(e.into_error().into()))
}

/// A table as XLSX: numbers are numbers, identifiers are text, instants are instants of Paris, the headings stay in view.
///
/// # Errors
/// [`DocumentError::Xlsx`].
pub fn table_xlsx(table: &Table) -> Result<Vec<u8>, DocumentError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name(&table.name)?;
    let top = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let (bold, money) = (top.clone().set_bold(), Format::new().set_num_format("# ##0.00 €"));
    let instant = Format::new().set_num_format("dd/mm/yyyy hh:mm:ss");
    let headings: u32 = if table.has_codes() { 2 } else { 1 };
    for (at, column) in (0u16..).zip(&table.columns) {
        sheet.write_with_format(0, at, &column.heading, &bold)?;
        if headings == 2 {
            sheet.write_string(1, at, &column.code)?;
        }
        sheet.set_column_width(at, f64::from(column.width))?;
    }
    for (line, row) in (headings..).zip(&table.rows) {
        for (at, cell) in (0u16..).zip(row) {
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => drop(sheet.write_string_with_format(line, at, fitting(text), &top)?),
                Cell::Identifier(digits) => drop(sheet.write_string(line, at, digits)?),
                Cell::Integer(number) => {
                    #[expect(clippy::cast_precision_loss, reason = "a spreadsheet's numbers are doubles")]
                    sheet.write_number(line, at, *number as f64)?;
                }
                Cell::Decimal(number) => match number.parse::<f64>() {
                    Ok(number) => drop(sheet.write_number(line, at, number)?),
                    Err(_) => drop(sheet.write_string(line, at, number)?),
                },
                Cell::Money(cents) => {
                    #[expect(clippy::cast_precision_loss, reason = "cents stay exact below 2^53")]
                    sheet.write_with_format(line, at, *cents as f64 / 100.0, &money)?;
                }
                Cell::Instant(moment) => drop(sheet.write_with_format(line, at, excel(*moment)?, &instant)?),
            }
        }
    }
    sheet.set_freeze_panes(headings, 0)?;
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, headings - 1)?;
    sheet.set_footer("&C&A — &P / &N");
    let last = u32::try_from(table.rows.len()).unwrap_or(u32::MAX).saturating_add(headings - 1);
    let right = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    sheet.autofilter(headings - 1, 0, last, right)?;
    Ok(book.save_to_buffer()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_what_its_cells_are() {
        let column = |heading: &str, code: &str| Column { heading: heading.into(), code: code.into(), width: 10 };
        let table = Table {
            name: "Réponses".into(),
            columns: vec![
                column("SIRET", "siret"),
                column("Texte", "1.01"),
                column("Note", "mean"),
                column("€", "7.01"),
            ],
            rows: vec![
                vec![
                    Cell::Identifier("00009301300019".into()),
                    Cell::Text("=1+1".into()),
                    Cell::Decimal("3.50".into()),
                    Cell::Money(-5),
                ],
                vec![Cell::Empty, Cell::Text("é".repeat(40_000)), Cell::Integer(3), Cell::Empty],
            ],
        };
        let text = String::from_utf8(table_csv(&table).expect("it is written")).expect("it is text");
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split("\r\n").collect();
        assert_eq!(&lines[..3], ["SIRET;Texte;Note;€", "siret;1.01;mean;7.01", "000 093 013 00019;'=1+1;3,50;-0,05"]);
        assert_eq!(lines[3].split(';').nth(1).map(|cell| cell.chars().count()), Some(MOST));
        assert!(lines[3].contains("coupé"));
        assert!(table_xlsx(&table).expect("it is written").starts_with(b"PK"));
    }
}
