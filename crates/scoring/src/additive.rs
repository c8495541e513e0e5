//! The additive model `value = unit + rater + error`, fitted by least squares on an incomplete design.

use crate::linear::Cholesky;
use crate::ratings::Ratings;

/// A least-squares fit. Within each connected component of the design the effects of raters add up to zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Additive {
    /// How many connected components the graph of raters and units has; effects compare within one only.
    pub components: usize,
    /// Per rater, `None` for one who rates nothing.
    pub raters: Vec<Option<RaterEffect>>,
    /// Per unit, `None` for one that nobody rates.
    pub units: Vec<Option<UnitEffect>>,
    /// The residual standard deviation; `None` without a degree of freedom.
    pub sigma: Option<f64>,
    /// Values less parameters.
    pub degrees: usize,
}

/// A rater's effect: above zero, the rater gives more than others do to the same units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaterEffect {
    /// The effect, in the unit of the values.
    pub effect: f64,
    /// Its standard error; `None` without a degree of freedom, or alone in a component.
    pub standard_error: Option<f64>,
    /// The component, from 0.
    pub component: usize,
}

/// What a unit is worth once its raters' effects are taken away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitEffect {
    /// The mean of its values less its raters' effects.
    pub adjusted: f64,
    /// The component, from 0.
    pub component: usize,
}

/// The design's factorisation: made once, it fits any values that sit where `Ratings` has values.
pub(crate) struct Design {
    /// Per rater: component and place in it.
    places: Vec<Option<(usize, usize)>>,
    factors: Vec<Option<Cholesky>>,
    sizes: Vec<usize>,
}

/// Fits the model; linear in the number of values, and cubic in the number of raters of a component for the standard errors:
/// a thousand raters add some fifty milliseconds.
pub fn additive_model(ratings: &Ratings) -> Additive {
    let design = Design::new(ratings);
    let values: Vec<f64> = ratings.codes.iter().map(|code| ratings.domain[*code as usize]).collect();
    let (effects, adjusted, sigma, degrees) = design.fit(ratings, &values);
    let diagonals: Vec<Vec<f64>> = design
        .factors
        .iter()
        .map(|factor| factor.as_ref().map(Cholesky::inverse_diagonal).unwrap_or_default())
        .collect();
    let raters = design
        .places
        .iter()
        .zip(&effects)
        .map(|(place, effect)| {
            let (component, at) = (*place)?;
            let size = design.sizes[component];
            #[expect(clippy::cast_precision_loss, reason = "a number of raters")]
            let variance = diagonals[component].get(at).map(|diagonal| (diagonal - 1.0 / size as f64).max(0.0));
            let standard_error =
                variance.zip(sigma).filter(|_| size > 1).map(|(variance, sigma)| sigma * variance.sqrt());
            Some(RaterEffect { effect: *effect, standard_error, component })
        })
        .collect();
    let units = (0..ratings.units())
        .map(|unit| {
            let first = *ratings.who[ratings.starts[unit]..ratings.starts[unit + 1]].first()?;
            let (component, _) = design.places[first as usize]?;
            Some(UnitEffect { adjusted: adjusted[unit], component })
        })
        .collect();
    Additive { components: design.sizes.len(), raters, units, sigma, degrees }
}

impl Design {
    pub(crate) fn new(ratings: &Ratings) -> Self {
        let (places, sizes) = components(ratings);
        let mut matrices: Vec<Vec<f64>> = sizes
            .iter()
            .map(|size| {
                // The added constant makes the matrix regular and leaves solutions of sum zero as they are.
                #[expect(clippy::cast_precision_loss, reason = "a number of raters")]
                let constant = 1.0 / *size as f64;
                vec![constant; size * size]
            })
            .collect();
        let mut members = Vec::new();
        for unit in 0..ratings.units() {
            members.clear();
            let raters = &ratings.who[ratings.starts[unit]..ratings.starts[unit + 1]];
            members.extend(raters.iter().filter_map(|rater| places[*rater as usize]));
            let Some((component, _)) = members.first().copied() else { continue };
            let size = sizes[component];
            #[expect(clippy::cast_precision_loss, reason = "a number of raters")]
            let share = 1.0 / members.len() as f64;
            let matrix = &mut matrices[component];
            // Places follow the order of raters within a component, so this fills the upper triangle.
            for (at, (_, row)) in members.iter().enumerate() {
                let line = &mut matrix[row * size..(row + 1) * size];
                line[*row] += 1.0;
                for (_, column) in &members[at..] {
                    line[*column] -= share;
                }
            }
        }
        let factors = sizes.iter().zip(matrices).map(|(size, matrix)| Cholesky::new(*size, matrix)).collect();
        Self { places, factors, sizes }
    }

    /// Effects per rater, adjusted value per unit, residual standard deviation and degrees of freedom.
    #[expect(clippy::cast_precision_loss, reason = "numbers of values")]
    pub(crate) fn fit(&self, ratings: &Ratings, values: &[f64]) -> (Vec<f64>, Vec<f64>, Option<f64>, usize) {
        let mut sides: Vec<Vec<f64>> = self.sizes.iter().map(|size| vec![0.0; *size]).collect();
        let mut used = 0usize;
        let mut means = vec![0.0; ratings.units()];
        for (unit, mean) in means.iter_mut().enumerate() {
            let range = ratings.starts[unit]..ratings.starts[unit + 1];
            if range.is_empty() {
                continue;
            }
            used += 1;
            *mean = values[range.clone()].iter().sum::<f64>() / range.len() as f64;
            for at in range {
                if let Some((component, place)) = self.places[ratings.who[at] as usize] {
                    sides[component][place] += values[at] - *mean;
                }
            }
        }
        for (factor, side) in self.factors.iter().zip(&mut sides) {
            match factor {
                Some(factor) => factor.solve(side),
                None => side.fill(0.0),
            }
        }
        let effects: Vec<f64> =
            self.places.iter().map(|place| place.map_or(0.0, |(component, at)| sides[component][at])).collect();
        let mut squares = 0.0;
        for (unit, mean) in means.iter_mut().enumerate() {
            let range = ratings.starts[unit]..ratings.starts[unit + 1];
            if range.is_empty() {
                continue;
            }
            let shift: f64 =
                range.clone().map(|at| effects[ratings.who[at] as usize]).sum::<f64>() / range.len() as f64;
            *mean -= shift;
            squares += range.map(|at| (values[at] - *mean - effects[ratings.who[at] as usize]).powi(2)).sum::<f64>();
        }
        let active: usize = self.sizes.iter().sum();
        let degrees = (values.len() + self.sizes.len()).saturating_sub(used + active);
        let sigma = (degrees > 0).then(|| (squares / degrees as f64).sqrt());
        (effects, means, sigma, degrees)
    }
}

/// Per rater the component and the place in it, and the components' sizes; components and places follow the order of raters.
fn components(ratings: &Ratings) -> (Vec<Option<(usize, usize)>>, Vec<usize>) {
    let mut parent: Vec<usize> = (0..ratings.raters).collect();
    let mut active = vec![false; ratings.raters];
    for unit in 0..ratings.units() {
        let raters = &ratings.who[ratings.starts[unit]..ratings.starts[unit + 1]];
        for pair in raters.windows(2) {
            let (a, b) = (root(&mut parent, pair[0] as usize), root(&mut parent, pair[1] as usize));
            parent[a.max(b)] = a.min(b);
        }
        for rater in raters {
            active[*rater as usize] = true;
        }
    }
    let mut number = vec![None; ratings.raters];
    let mut sizes: Vec<usize> = Vec::new();
    let places = (0..ratings.raters)
        .map(|rater| {
            if !active[rater] {
                return None;
            }
            let component = *number[root(&mut parent, rater)].get_or_insert_with(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            sizes[component] += 1;
            Some((component, sizes[component] - 1))
        })
        .collect();
    (places, sizes)
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}
