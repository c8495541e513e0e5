//! Pictures of what stands beside a ranking, drawn once and written as SVG or into a PDF.
//!
//! A figure says nothing by colour alone: what differs in colour differs in place or thickness too, and every number in it stands
//! in a table beside it.

use std::fmt::Write as _;

use crate::canvas::{BLACK, BLUE, GREY, Ink};

/// Units across: points in a PDF, pixels on a phone.
pub(crate) const WIDTH: f32 = 360.0;
/// A figure with more rows would not be read: it shows the first ones and says how many are left out.
const MOST_ROWS: usize = 30;

const PALE: Ink = (0.80, 0.86, 0.94);
const MIDDLE: Ink = (0.33, 0.53, 0.79);
const GRID: Ink = (0.86, 0.87, 0.9);

/// A picture: shapes on a plane whose origin is the top left corner.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    pub(crate) height: f32,
    pub(crate) shapes: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A filled rectangle.
    Bar { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    /// A line of text; `y` is its baseline.
    Text { x: f32, y: f32, text: String, size: f32, bold: bool, anchor: Anchor, ink: Ink },
}

/// Which end of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The ranks that one dossier may take, each from best to worst.
#[derive(Debug, Clone)]
pub struct RankRow {
    /// The dossier and who applied.
    pub label: String,
    /// Its official rank.
    pub rank: usize,
    /// With any weights.
    pub any_weights: (usize, usize),
    /// With weights near the grid's.
    pub near_weights: (usize, usize),
    /// With other juries.
    pub juries: (usize, usize),
}

/// How far one weight may move.
#[derive(Debug, Clone)]
pub struct WeightRow {
    /// The criterion.
    pub code: String,
    /// Its weight.
    pub weight: f64,
    /// While the first place stays.
    pub first: (f64, f64),
    /// While no rank changes.
    pub any: (f64, f64),
}

#[expect(clippy::cast_precision_loss, reason = "ranks and rows that are drawn are far below 2^24")]
const fn whole(number: usize) -> f32 {
    number as f32
}

#[expect(clippy::cast_possible_truncation, reason = "a place on paper")]
const fn place(number: f64) -> f32 {
    number as f32
}

impl Figure {
    fn new(title: &str, description: String) -> Self {
        Self { title: title.to_owned(), description, height: 0.0, shapes: Vec::new() }
    }

    fn bar(&mut self, x: f32, y: f32, width: f32, height: f32, ink: Ink) {
        self.shapes.push(Shape::Bar { x, y, width, height, ink });
    }

    fn text(&mut self, x: f32, y: f32, text: impl Into<String>, size: f32, anchor: Anchor, ink: Ink) {
        self.shapes.push(Shape::Text { x, y, text: text.into(), size, bold: false, anchor, ink });
    }

    fn label(&mut self, x: f32, y: f32, text: impl Into<String>) {
        self.shapes.push(Shape::Text {
            x,
            y,
            text: text.into(),
            size: 10.5,
            bold: true,
            anchor: Anchor::Start,
            ink: BLACK,
        });
    }

    fn left_out(&mut self, y: f32, count: usize) -> f32 {
        if count == 0 {
            return y;
        }
        self.text(0.0, y + 12.0, format!("… et {count} autres, dans le tableau"), 10.0, Anchor::Start, GREY);
        y + 18.0
    }

    /// The figure as SVG. `id` is unique on its page.
    pub fn svg(&self, id: &str) -> String {
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
            self.height,
            escape(&self.title),
            escape(&self.description)
        );
        for shape in &self.shapes {
            match shape {
                Shape::Bar { x, y, width, height, ink } => {
                    let _ = write!(
                        out,
                        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                        hex(*ink)
                    );
                }
                Shape::Text { x, y, text, size, bold, anchor, ink } => {
                    let anchor = match anchor {
                        Anchor::Start => "start",
                        Anchor::Middle => "middle",
                        Anchor::End => "end",
                    };
                    let weight = if *bold { " font-weight=\"600\"" } else { "" };
                    let _ = write!(
                        out,
                        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\"{weight} fill=\"{}\">{}</text>",
                        hex(*ink),
                        escape(text)
                    );
                }
            }
        }
        out.push_str("</svg>");
        out
    }
}

fn hex((r, g, b): Ink) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let byte = |c: f32| (c.clamp(0.0, 1.0) * 255.0).round() as u8;
    format!("#{:02x}{:02x}{:02x}", byte(r), byte(g), byte(b))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `6` or `23,4`.
fn number(value: f64) -> String {
    let text = format!("{value:.1}").replace('.', ",");
    text.strip_suffix(",0").map_or_else(|| text.clone(), str::to_owned)
}

/// The legend: a sample of each thing and what it is. Returns where it ends.
fn legend(figure: &mut Figure, mut y: f32, entries: &[(Ink, f32, &str)]) -> f32 {
    y += 8.0;
    for (ink, thickness, text) in entries {
        y += 15.0;
        if *thickness > 10.0 {
            figure.bar(11.0, y - 10.0, 3.0, 12.0, *ink);
        } else {
            figure.bar(0.0, y - 4.0 - thickness / 2.0, 26.0, *thickness, *ink);
        }
        figure.text(34.0, y, *text, 10.0, Anchor::Start, BLACK);
    }
    y + 6.0
}

/// The ranks that dossiers may take, best first; `cut` is how many places there are.
pub fn rank_figure(title: &str, rows: &[RankRow], cut: usize) -> Figure {
    let last = rows.iter().flat_map(|r| [r.rank, r.any_weights.1, r.near_weights.1, r.juries.1]).max().unwrap_or(1);
    let said = rows.iter().take(MOST_ROWS).map(|r| {
        let span = |(low, high): (usize, usize)| {
            if low == high { format!("rang {low}") } else { format!("rangs {low} à {high}") }
        };
        format!(
            "{} : rang officiel {} ; avec d'autres poids {} ; poids proches {} ; autres jurys {}.",
            r.label,
            r.rank,
            span(r.any_weights),
            span(r.near_weights),
            span(r.juries)
        )
    });
    let mut figure = Figure::new(title, said.collect::<Vec<_>>().join(" "));
    let (left, right) = (14.0, WIDTH - 14.0);
    let x = |rank: usize| left + (right - left) * whole(rank.saturating_sub(1)) / whole(last.saturating_sub(1).max(1));
    let shown = rows.len().min(MOST_ROWS);
    let (top, step) = (24.0, 46.0);
    let bottom = top + step * whole(shown);
    figure.text(0.0, 9.0, "Rang", 10.0, Anchor::Start, GREY);
    let every = last.div_ceil(12).max(1);
    for rank in (1..=last).filter(|rank| *rank == 1 || rank % every == 0 || *rank == last) {
        figure.bar(x(rank) - 0.4, top - 2.0, 0.8, bottom - top + 2.0, GRID);
        figure.text(x(rank), 20.0, rank.to_string(), 10.0, Anchor::Middle, GREY);
    }
    if cut < last {
        let between = f32::midpoint(x(cut), x(cut + 1));
        let mut y = top - 2.0;
        while y < bottom {
            figure.bar(between - 0.6, y, 1.2, 3.0, GREY);
            y += 6.0;
        }
    }
    for (at, row) in rows.iter().take(shown).enumerate() {
        let y = top + step * whole(at);
        figure.label(0.0, y + 12.0, short(&row.label, 48));
        for (index, ((low, high), ink, thickness)) in
            [(row.any_weights, PALE, 7.0), (row.near_weights, MIDDLE, 5.0), (row.juries, BLUE, 3.0)]
                .into_iter()
                .enumerate()
        {
            let middle = y + 20.5 + 8.0 * whole(index);
            figure.bar(x(low) - 5.0, middle - thickness / 2.0, x(high) - x(low) + 10.0, thickness, ink);
        }
        figure.bar(x(row.rank) - 1.5, y + 16.0, 3.0, 25.0, BLACK);
    }
    let bottom = figure.left_out(bottom, rows.len() - shown);
    let mut entries = vec![
        (BLACK, 20.0, "rang officiel"),
        (PALE, 7.0, "tous les poids possibles"),
        (MIDDLE, 5.0, "poids de la grille à 20 % près"),
        (BLUE, 3.0, "autres jurys tirés parmi les mêmes juré·es (95 %)"),
    ];
    if cut < last {
        entries.push((GREY, 20.0, "pointillé : dernière place à attribuer"));
    }
    figure.height = legend(&mut figure, bottom, &entries);
    figure
}

/// How far each weight may move; `total` is the sum of the weights.
pub fn weight_figure(title: &str, rows: &[WeightRow], total: f64) -> Figure {
    let said = rows.iter().map(|r| {
        format!(
            "{} : poids {}, première place inchangée de {} à {}, aucun rang changé de {} à {}.",
            r.code,
            number(r.weight),
            number(r.first.0),
            number(r.first.1),
            number(r.any.0),
            number(r.any.1)
        )
    });
    let mut figure = Figure::new(title, said.collect::<Vec<_>>().join(" "));
    let (left, right) = (60.0, WIDTH - 78.0);
    let x = |weight: f64| left + (right - left) * place(weight / total.max(f64::MIN_POSITIVE));
    let (top, step) = (24.0, 17.0);
    let shown = rows.len().min(MOST_ROWS);
    let bottom = top + step * whole(shown);
    figure.text(0.0, 10.0, "Critère, poids", 10.0, Anchor::Start, GREY);
    figure.text(WIDTH, 10.0, "1re place : de … à", 10.0, Anchor::End, GREY);
    for quarter in 0..=4 {
        let weight = total * f64::from(quarter) / 4.0;
        figure.bar(x(weight) - 0.4, top - 2.0, 0.8, bottom - top + 2.0, GRID);
        figure.text(x(weight), 20.0, number(weight), 9.0, Anchor::Middle, GREY);
    }
    for (at, row) in rows.iter().take(shown).enumerate() {
        let y = top + step * whole(at);
        figure.label(0.0, y + 12.0, row.code.clone());
        figure.text(50.0, y + 12.0, number(row.weight), 10.0, Anchor::End, BLACK);
        for ((low, high), ink, thickness) in [(row.first, PALE, 9.0), (row.any, BLUE, 4.0)] {
            let width = (x(high) - x(low)).max(1.0);
            figure.bar(x(low), y + 8.5 - thickness / 2.0, width, thickness, ink);
        }
        figure.bar(x(row.weight) - 1.2, y + 1.5, 2.4, 14.0, BLACK);
        let range = format!("{} – {}", number(row.first.0), number(row.first.1));
        figure.text(WIDTH, y + 12.0, range, 10.0, Anchor::End, BLACK);
    }
    let bottom = figure.left_out(bottom, rows.len() - shown);
    let entries = [
        (BLACK, 20.0, "poids de la grille"),
        (PALE, 9.0, "la première place ne change pas"),
        (BLUE, 4.0, "aucun rang ne change"),
    ];
    figure.height = legend(&mut figure, bottom, &entries);
    figure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_sound_svg_that_says_what_it_shows() {
        let row = |label: &str, rank, high| RankRow {
            label: label.into(),
            rank,
            any_weights: (1, high),
            near_weights: (rank, rank),
            juries: (rank, high),
        };
        let rows = [row("ALI27-0001 — A & B <x>", 1, 2), row("ALI27-0002 — C", 2, 2)];
        let svg = rank_figure("Rangs", &rows, 1).svg("f");
        assert!(svg.contains("A &amp; B &lt;x&gt; : rang officiel 1 ; avec d'autres poids rangs 1 à 2"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let weight = WeightRow { code: "A1".into(), weight: 6.0, first: (0.0, 23.44), any: (5.0, 7.0) };
        let svg = weight_figure("Poids", &[weight], 100.0).svg("g");
        assert!(svg.contains(">0 – 23,4</text>"), "{svg}");
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let row = RankRow { label: "d".into(), rank: 1, any_weights: (1, 900), near_weights: (1, 1), juries: (1, 1) };
        let figure = rank_figure("Rangs", &vec![row; 40], 1);
        assert!(figure.svg("f").contains("… et 10 autres"));
        assert!(figure.height < 2_000.0);
    }
}
