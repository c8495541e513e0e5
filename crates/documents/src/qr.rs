//! A QR code as a figure: rectangles, as everything else that is drawn.

use qrcode::{Color, EcLevel, QrCode};

use crate::DocumentError;
use crate::canvas::Ink;
use crate::figure::{Figure, Shape};

/// The quiet zone that the standard wants around a code, in modules.
const QUIET: usize = 4;
/// Units that a code takes with its quiet zone.
const SIDE: f32 = 110.0;
const DARK: Ink = (0.0, 0.0, 0.0);

/// The code of an address. A quarter of what it takes may be damaged.
pub(crate) fn code(title: &str, address: &str) -> Result<Figure, DocumentError> {
    let code = QrCode::with_error_correction_level(address, EcLevel::Q)?;
    let (width, modules) = (code.width(), code.to_colors());
    #[expect(clippy::cast_precision_loss, reason = "a code has at most 177 modules a side")]
    let place = |modules: usize| modules as f32 * SIDE / (width + 2 * QUIET) as f32;
    let mut shapes = Vec::new();
    for (row, line) in modules.chunks(width).enumerate() {
        let mut column = 0;
        // Modules that touch are one rectangle.
        for run in line.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                shapes.push(Shape::Bar {
                    x: place(column + QUIET),
                    y: place(row + QUIET),
                    width: place(run.len()),
                    height: place(1),
                    ink: DARK,
                });
            }
            column += run.len();
        }
    }
    Ok(Figure { title: title.to_owned(), description: address.to_owned(), height: SIDE, shapes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_a_quiet_zone() {
        let figure = code("Code QR", "https://appels.exemple.fr/accuses/0123456789abcdef0123456789abcdef").unwrap();
        let bars: Vec<(f32, f32, f32)> = figure
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Bar { x, y, width, .. } => Some((*x, *y, *width)),
                Shape::Text { .. } => None,
            })
            .collect();
        let module = bars[0].0 / 4.0;
        let near = |a: f32, b: f32| (a - b).abs() < module / 100.0;
        // Seven modules begin the first line, the end of the first line and the last one.
        let (first, last) = (bars[0].1, bars[bars.len() - 1].1);
        for (x, y) in [(4.0 * module, first), (SIDE - 11.0 * module, first), (4.0 * module, last)] {
            assert!(bars.iter().any(|bar| near(bar.0, x) && near(bar.1, y) && near(bar.2, 7.0 * module)), "{x} {y}");
        }
        assert!(bars.iter().all(|bar| bar.0 > 3.9 * module && bar.0 + bar.2 < SIDE - 3.9 * module));
    }
}
