//! Ranks of many scores, many times: the inner loop of SMAA.

/// Scratch space for one thread.
pub(crate) struct Ranker {
    keys: Vec<u64>,
    spare: Vec<u64>,
}

/// The place of a dossier takes the low bits of a key.
const PLACE_BITS: u32 = 24;
const PLACE: u64 = (1 << PLACE_BITS) - 1;
/// Below this many scores comparing is quicker than counting digits.
const FEW: usize = 48;
/// Up to this many scores, small digits cost less than they leave unsorted.
const SOME: usize = 2_000;

fn place(key: u64) -> usize {
    (key & PLACE) as usize
}

impl Ranker {
    pub(crate) fn new(size: usize) -> Self {
        Self { keys: Vec::with_capacity(size), spare: vec![0; if size > FEW { size } else { 0 }] }
    }

    /// The most scores that can be ranked.
    pub(crate) const MOST: usize = 1 << PLACE_BITS;

    /// Writes each score's competition rank, from 0 for the highest. Scores must lie in [0, 1].
    pub(crate) fn rank(&mut self, scores: &[f64], ranks: &mut [u32]) {
        self.keys.clear();
        self.keys.extend(scores.iter().zip(0u64..).map(|(score, place)| {
            // Between 1 and 2 the bits of a double are a fixed-point number: the 40 highest are kept, highest score first.
            let fixed = (1.9995 - score * 0.999).to_bits() & ((1 << 52) - 1);
            ((fixed >> 12) << PLACE_BITS) | place
        }));
        if self.keys.len() <= FEW {
            self.keys.sort_unstable();
        } else if self.keys.len() <= SOME {
            self.sort_digits::<8, 256>();
        } else {
            self.sort_digits::<11, 2048>();
        }
        self.settle(scores);
        let mut rank = 0;
        let mut last = f64::INFINITY;
        for (at, key) in (0u32..).zip(&self.keys) {
            let place = place(*key);
            let score = scores[place];
            if score < last {
                rank = at;
                last = score;
            }
            ranks[place] = rank;
        }
    }

    /// Least digit first, on the three highest digits of `BITS` bits.
    fn sort_digits<const BITS: u32, const BUCKETS: usize>(&mut self) {
        let digit = |key: u64, pass: u32| {
            usize::try_from((key >> (64 - BITS * (3 - pass))) & (BUCKETS as u64 - 1)).unwrap_or(0)
        };
        let mut counts = vec![[0u32; BUCKETS]; 3];
        for key in &self.keys {
            for (pass, counts) in (0..).zip(&mut counts) {
                counts[digit(*key, pass)] += 1;
            }
        }
        for (pass, counts) in (0..).zip(&mut counts) {
            let mut start = 0;
            for count in counts.iter_mut() {
                (*count, start) = (start, start + *count);
            }
            for key in &self.keys {
                let slot = &mut counts[digit(*key, pass)];
                self.spare[*slot as usize] = *key;
                *slot += 1;
            }
            std::mem::swap(&mut self.keys, &mut self.spare);
        }
    }

    /// Puts right what the kept bits could not tell apart: rare, and never far.
    fn settle(&mut self, scores: &[f64]) {
        let score = |key: u64| scores[place(key)];
        let mut last = f64::INFINITY;
        for end in 0..self.keys.len() {
            let here = score(self.keys[end]);
            if here <= last {
                last = here;
                continue;
            }
            let mut at = end;
            while at > 0 && here > score(self.keys[at - 1]) {
                self.keys.swap(at, at - 1);
                at -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ranker;
    use crate::random::Stream;

    #[test]
    fn both_sorts_rank_as_comparing_does() {
        for size in [1, 2, 50, 1_400, 1_600, 5_000] {
            let mut stream = Stream::new(3, 0, size as u64);
            // Many ties, and many scores that differ in their last bits only.
            let mut scores: Vec<f64> = (0..size).map(|_| stream.unit()).collect();
            for at in 1..size {
                if at % 3 == 0 {
                    scores[at] = scores[at - 1];
                } else if at % 3 == 1 {
                    scores[at] = scores[at - 1] * (1.0 - f64::EPSILON);
                }
            }
            let mut ranks = vec![0; size];
            Ranker::new(size).rank(&scores, &mut ranks);
            for (score, rank) in scores.iter().zip(&ranks).step_by(7) {
                assert_eq!(*rank as usize, scores.iter().filter(|other| *other > score).count());
            }
        }
    }
}
