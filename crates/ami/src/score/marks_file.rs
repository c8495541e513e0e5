//! MARKS.csv and VALUES.csv: one mark, or one value of a dossier, per line.

use std::path::Path;

use ami_scoring::{Grid, MarkError, MarksBuilder, Rational, TableError};

use super::fault::{BYTE_ORDER_MARK, Fault, quoted};

/// One table file: its records, each with the byte where it starts.
struct Table<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Table<'_> {
    /// The refusal of field `field` of the record that starts at byte `start`.
    fn refuse(&self, start: usize, field: usize, expected: String) -> Fault {
        let mut at = start;
        let (mut left, mut quoted) = (field, false);
        for byte in self.text.as_bytes().iter().skip(start) {
            match byte {
                _ if left == 0 => break,
                b'"' => quoted = !quoted,
                b',' if !quoted => left -= 1,
                b'\n' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        Fault::at_byte(self.file, self.text, at, expected)
    }

    /// Gives each record's fields and start to `take`.
    fn each<const N: usize>(
        &self,
        header: [&str; N],
        mut take: impl FnMut(&Self, usize, [&str; N]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let from = self.text.len() - self.text.trim_start_matches(BYTE_ORDER_MARK).len();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(&self.text.as_bytes()[from..]);
        let mut record = csv::StringRecord::new();
        let mut first = true;
        loop {
            let more = reader.read_record(&mut record).map_err(|error| {
                Fault::file(self.file, format!("lignes séparées par des virgules attendues ({error})"))
            })?;
            if !more {
                break;
            }
            let start =
                record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0) + from;
            // The reader's position is before the line breaks it skipped.
            let start = start + self.text[start..].bytes().take_while(|byte| b"\r\n".contains(byte)).count();
            let mut fields = [""; N];
            if record.len() != N {
                let wrong = if record.len() > N { N } else { record.len() };
                return Err(self.refuse(
                    start,
                    wrong,
                    format!("{N} champs attendus\u{a0}: {}, {} lus", header.join(","), record.len()),
                ));
            }
            for (field, value) in fields.iter_mut().zip(&record) {
                *field = value;
            }
            if std::mem::take(&mut first) {
                if let Some(wrong) = (0..N).find(|at| fields[*at] != header[*at]) {
                    return Err(self.refuse(
                        start,
                        wrong,
                        format!("en-tête {} attendu, {} lu", quoted(&header.join(",")), quoted(fields[wrong])),
                    ));
                }
                continue;
            }
            take(self, start, fields)?;
        }
        if first {
            return Err(Fault::at(
                self.file,
                1,
                1,
                format!("en-tête {} attendu, fichier vide", quoted(&header.join(","))),
            ));
        }
        Ok(())
    }
}

/// Reads `dossier,juror,criterion,mark` into `builder`.
pub(crate) fn read_marks(file: &Path, text: &str, grid: &Grid, builder: &mut MarksBuilder) -> Result<(), Fault> {
    let table = Table { file, text };
    table.each(["dossier", "juror", "criterion", "mark"], |table, start, fields| {
        let [dossier, juror, criterion, written] = fields;
        for (at, (id, what)) in [(dossier, "dossier"), (juror, "juré")].into_iter().enumerate() {
            if id.is_empty() {
                return Err(table.refuse(start, at, format!("identifiant de {what} attendu, champ vide lu")));
            }
        }
        if grid.criterion_index(criterion).is_none() {
            return Err(table.refuse(
                start,
                2,
                format!("code d’un critère de la grille attendu, {} lu", quoted(criterion)),
            ));
        }
        let mark =
            grid.scale().mark(written).map_err(|error| table.refuse(start, 3, expected_mark(grid, written, &error)))?;
        builder.mark(dossier, juror, criterion, mark).map(|_| ()).map_err(|error| {
            let expected = match error {
                TableError::Duplicate { .. } => format!(
                    "une seule note attendue de {} sur {} pour {}, une autre a déjà été lue",
                    quoted(juror),
                    quoted(criterion),
                    quoted(dossier)
                ),
                TableError::Full => "moins de quatre milliards de lignes attendues".to_owned(),
                // Criterion and scale were checked above; voices and whole sheets are not read here.
                TableError::UnknownCriterion(_)
                | TableError::OffScale
                | TableError::Voice(_)
                | TableError::Width { .. } => "note de la grille attendue".to_owned(),
            };
            table.refuse(start, 0, expected)
        })
    })
}

fn expected_mark(grid: &Grid, written: &str, error: &MarkError) -> String {
    let scale = grid.scale();
    let range = format!("note de {} à {} par pas de {} attendue", scale.min(), scale.max(), scale.step());
    match error {
        MarkError::Number(_) if written.is_empty() => format!("{range}, champ vide lu"),
        MarkError::Number(_) | MarkError::Range { .. } | MarkError::Step { .. } => {
            format!("{range}, {} lu", quoted(written))
        }
    }
}

/// Reads `dossier,name,value` into `builder`, for breakers on outside values.
pub(crate) fn read_values(file: &Path, text: &str, builder: &mut MarksBuilder) -> Result<(), Fault> {
    let table = Table { file, text };
    table.each(["dossier", "name", "value"], |table, start, fields| {
        let [dossier, name, written] = fields;
        let value: Rational = written
            .parse()
            .map_err(|_| table.refuse(start, 2, format!("nombre attendu, comme 1149.50, {} lu", quoted(written))))?;
        builder
            .value(dossier, name, value)
            .map(|_| ())
            .map_err(|_| table.refuse(start, 0, "moins de quatre milliards de dossiers attendus".to_owned()))
    })
}
