//! A file on its way in, in parts: how they are cut, and what becomes of it.

use std::ops::RangeInclusive;

/// Bytes of every part but the last.
pub const PART_SIZE: u64 = 8 * 1024 * 1024;

/// What becomes of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Parts are coming in.
    Receiving,
    /// All are there and are looked at.
    Checking,
    /// It is a piece.
    Accepted,
    /// It will not be one.
    Refused,
}

impl UploadState {
    const ALL: [Self; 4] = [Self::Receiving, Self::Checking, Self::Accepted, Self::Refused];

    /// Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Checking => "checking",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == code)
    }

    /// Whether it holds room in its dossier.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Receiving | Self::Checking)
    }
}

/// The numbers of the parts of a file of so many bytes.
pub fn part_numbers(size: u64) -> RangeInclusive<u32> {
    1..=u32::try_from(size.div_ceil(PART_SIZE)).unwrap_or(u32::MAX)
}

/// How many bytes a part has; `None` when the file has no such part.
pub fn part_bytes(size: u64, number: u32) -> Option<u64> {
    if !part_numbers(size).contains(&number) {
        return None;
    }
    let before = u64::from(number - 1) * PART_SIZE;
    Some((size - before).min(PART_SIZE))
}

/// The parts that are missing, or have not the bytes that they must have, of those received: number and size.
pub fn missing_parts(size: u64, received: &[(u32, u64)]) -> Vec<u32> {
    let whole = |number: &u32| part_bytes(size, *number).is_some_and(|bytes| received.contains(&(*number, bytes)));
    part_numbers(size).filter(|number| !whole(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_but_the_last_are_of_one_size() {
        for (size, last) in
            [(1, (1, 1)), (PART_SIZE, (1, PART_SIZE)), (PART_SIZE + 1, (2, 1)), (3 * PART_SIZE, (3, PART_SIZE))]
        {
            let numbers = part_numbers(size);
            let (number, bytes) = last;
            assert_eq!((*numbers.start(), *numbers.end()), (1, number), "{size}");
            assert_eq!(part_bytes(size, number), Some(bytes));
            assert_eq!(numbers.map(|n| part_bytes(size, n).unwrap()).sum::<u64>(), size);
            assert_eq!((part_bytes(size, 0), part_bytes(size, number + 1)), (None, None));
        }
    }

    #[test]
    fn a_part_of_another_size_is_missing() {
        let size = 2 * PART_SIZE + 5;
        assert_eq!(missing_parts(size, &[]), [1, 2, 3]);
        assert_eq!(missing_parts(size, &[(3, 5), (1, PART_SIZE)]), [2]);
        assert_eq!(missing_parts(size, &[(1, PART_SIZE), (2, PART_SIZE - 1), (3, 6)]), [2, 3]);
        assert!(missing_parts(size, &[(1, PART_SIZE), (2, PART_SIZE), (3, 5), (4, 1)]).is_empty());
    }
}
