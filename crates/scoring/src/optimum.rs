//! The best possible allocation: most places covered, then the highest sum of totals, by an integer programme.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};

use crate::allocation::{Allocation, AllocationError, AllocationSpec, Lot, Vacancy};

impl AllocationSpec {
    /// The allocation that covers the most places and, among those, has the highest sum of totals, under the same cap and
    /// envelope. Ranks and preferences do not bind it: the difference with [`AllocationSpec::by_rank`] is what the rules
    /// cost, and [`Allocation::moves`] says whom.
    ///
    /// Two integer programmes, one after the other; what the solver answers is checked exactly against every rule.
    pub fn best(&self) -> Result<Allocation, AllocationError> {
        self.check()?;
        if self.bids.is_empty() {
            return Ok(self.settled(&[]));
        }
        let places = self.solve(|at| self.places(at), None)?;
        let most: u64 = places.iter().map(|at| u64::from(self.lot_places(*at))).sum();
        let chosen = self.solve(|at| self.bids[at].total.to_f64(), Some(most))?;
        Ok(self.settled(&chosen))
    }

    fn lot_places(&self, bid: usize) -> u32 {
        self.lots.iter().find(|lot| lot.code == self.bids[bid].lot).map_or(0, |lot| lot.places)
    }

    fn places(&self, bid: usize) -> f64 {
        f64::from(self.lot_places(bid))
    }

    /// The bids that maximise a sum of values, covering at least `floor` places.
    fn solve(&self, value: impl Fn(usize) -> f64, floor: Option<u64>) -> Result<Vec<usize>, AllocationError> {
        let mut variables = ProblemVariables::new();
        let takes: Vec<Variable> = self.bids.iter().map(|_| variables.add(variable().binary())).collect();
        let sum = |keep: &dyn Fn(usize) -> bool, weight: &dyn Fn(usize) -> f64| -> Expression {
            takes.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(at, take)| weight(at) * *take).sum()
        };
        let all = |_: usize| true;
        let mut model = variables.maximise(sum(&all, &value)).using(microlp);
        for lot in &self.lots {
            // More than the bids is impossible anyway, so that the number stays small.
            let seats = f64::from(u32::try_from(lot.laureates.min(self.bids.len())).unwrap_or(u32::MAX));
            model = model.with(constraint!(sum(&|at| self.bids[at].lot == lot.code, &|_| 1.0) <= seats));
        }
        let candidates: std::collections::BTreeSet<&str> = self.bids.iter().map(|bid| bid.candidate.as_str()).collect();
        // More than one per lot is impossible anyway, so a cap beyond that changes nothing and stays a small number.
        let cap = f64::from(u32::try_from(self.cap.min(self.lots.len())).unwrap_or(u32::MAX));
        for candidate in candidates {
            model = model.with(constraint!(sum(&|at| self.bids[at].candidate == candidate, &|_| 1.0) <= cap));
        }
        if let Some(envelope) = self.envelope {
            // As shares of the envelope, so that the solver's tolerance is relative; the answer is checked in cents.
            #[expect(clippy::cast_precision_loss, reason = "what the solver works in")]
            let share = |at: usize| self.bids[at].cost as f64 / envelope.max(1) as f64;
            model = model.with(constraint!(sum(&all, &share) <= if envelope == 0 { 0.0 } else { 1.0 }));
        }
        if let Some(floor) = floor {
            #[expect(clippy::cast_precision_loss, reason = "what the solver works in")]
            let floor = floor as f64;
            model = model.with(constraint!(sum(&all, &|at| self.places(at)) >= floor - 0.5));
        }
        let solution = model.solve().map_err(|error| AllocationError::Solver(error.to_string()))?;
        let chosen: Vec<usize> =
            takes.iter().enumerate().filter(|(_, take)| solution.value(**take) > 0.5).map(|(at, _)| at).collect();
        if self.holds(&chosen) {
            Ok(chosen)
        } else {
            Err(AllocationError::Solver("the answer does not hold exactly".to_owned()))
        }
    }

    /// Whether a choice keeps every rule, exactly.
    fn holds(&self, chosen: &[usize]) -> bool {
        let mut lots = std::collections::BTreeMap::<&str, usize>::new();
        let mut held = std::collections::BTreeMap::<&str, usize>::new();
        let mut cost = 0u128;
        for at in chosen {
            let bid = &self.bids[*at];
            *held.entry(&bid.candidate).or_default() += 1;
            cost += u128::from(bid.cost);
            *lots.entry(&bid.lot).or_default() += 1;
        }
        let seats = |lot: &Lot| lots.get(lot.code.as_str()).is_none_or(|won| *won <= lot.laureates);
        self.lots.iter().all(seats)
            && held.values().all(|count| *count <= self.cap)
            && self.envelope.is_none_or(|envelope| cost <= u128::from(envelope))
    }

    fn settled(&self, chosen: &[usize]) -> Allocation {
        let queues = self.by_lot();
        let won: Vec<Vec<usize>> = self
            .lots
            .iter()
            .map(|lot| chosen.iter().copied().filter(|at| self.bids[*at].lot == lot.code).collect())
            .collect();
        let full = |at: &usize| {
            let candidate = &self.bids[*at].candidate;
            chosen.iter().filter(|other| self.bids[**other].candidate == *candidate).count() >= self.cap
        };
        let vacancy: Vec<Option<Vacancy>> = queues
            .iter()
            .zip(&won)
            .map(|(queue, won)| {
                Some(if queue.len() <= won.len() {
                    Vacancy::NoCandidate
                } else if queue.iter().filter(|at| !won.contains(at)).all(full) {
                    Vacancy::AllElsewhere
                } else {
                    Vacancy::Unfunded
                })
            })
            .collect();
        self.outcome(&won, &vacancy, Vec::new())
    }
}
