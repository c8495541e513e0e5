//! Numbers from a seed and a place: the draw of place 7 is the same whoever computes it, and in whatever order.

/// `SplitMix64` (Steele, Lea & Flood, 2014), started from a mix of seed, purpose and place.
pub(crate) struct Stream(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of one draw. `purpose` keeps different uses of a seed apart.
    pub(crate) fn new(seed: u64, purpose: u64, place: u64) -> Self {
        Self(mix(mix(mix(seed.wrapping_add(GOLDEN)) ^ purpose).wrapping_add(GOLDEN) ^ place))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform on (0, 1): never 0, so that its logarithm is finite.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// Uniform on 0..`below`, `below` above zero; the bias is below 2⁻³² for what juries need.
    #[expect(clippy::cast_possible_truncation, reason = "the high half of the product is below `below`")]
    pub(crate) fn below(&mut self, below: usize) -> usize {
        ((u128::from(self.bits()) * below as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn streams_never_change() {
        // A change here changes every published draw: it needs a new engine version.
        let mut stream = Stream::new(7, 1, 42);
        assert_eq!([stream.bits(), stream.bits()], STREAM);
        let mut counts = [0; 5];
        for place in 0..50_000 {
            counts[Stream::new(1, 2, place).below(5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_700..10_300).contains(count)), "{counts:?}");
    }

    const STREAM: [u64; 2] = [660_865_993_110_614_852, 17_128_660_093_667_206_836];
}
