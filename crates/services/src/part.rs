//! Parts of lists: after a cursor for programs, by number for pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// How many items where the reader does not say.
pub const USUAL: usize = 200;
/// Most items of a part, whatever the reader says.
pub const MOST: usize = 500;

/// Where a part begins.
#[derive(Debug, Clone)]
pub enum Begin {
    /// At the item after the one that this cursor stands for; at the first one without.
    After(Option<String>),
    /// At this item, counted from 0.
    At(usize),
}

/// Which part of a list is read.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it begins.
    pub begin: Begin,
    /// How many items at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// The cursor of the part that follows, if one does.
    pub next: Option<String>,
}

impl Part {
    /// Page `number`, from 1, of pages of `limit` items.
    pub const fn page(number: usize, limit: usize) -> Self {
        Self { begin: Begin::At(number.saturating_sub(1).saturating_mul(limit)), limit }
    }

    /// The key behind the cursor.
    ///
    /// # Errors
    /// `cursor` when it is not one that this list gave.
    pub(crate) fn after<K: DeserializeOwned>(&self, list: &str) -> Result<Option<K>> {
        let Begin::After(Some(cursor)) = &self.begin else { return Ok(None) };
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let key = text.as_deref().and_then(|t| t.strip_prefix(list)).and_then(|t| t.strip_prefix(' '));
        key.and_then(|k| serde_json::from_str(k).ok()).map(Some).ok_or_else(|| Error::field("/cursor", "cursor"))
    }

    /// How many items are skipped.
    pub(crate) const fn skip(&self) -> usize {
        match self.begin {
            Begin::After(_) => 0,
            Begin::At(first) => first,
        }
    }

    /// The part of a list that is short enough to be read whole, and is in the order of its keys. A cursor names a place in that
    /// order, not an item: it leads on when its item is gone.
    ///
    /// # Errors
    /// `cursor` when it is not one that this list gave.
    pub fn cut<T, K>(&self, list: &'static str, all: Vec<T>, key: impl Fn(&T) -> K) -> Result<Page<T>>
    where
        K: Ord + Serialize + DeserializeOwned,
    {
        let begin = match self.after::<K>(list)? {
            None => self.skip(),
            Some(after) => all.partition_point(|item| key(item) <= after),
        };
        Ok(Page::of(list, self.limit, all.into_iter().skip(begin).take(self.limit + 1).collect(), key))
    }
}

impl Part {
    /// The same of a list that others hold too.
    ///
    /// # Errors
    /// `cursor` when it is not one that this list gave.
    pub(crate) fn cut_of<T: Clone, K>(&self, list: &'static str, all: &[T], key: impl Fn(&T) -> K) -> Result<Page<T>>
    where
        K: Ord + Serialize + DeserializeOwned,
    {
        let begin = match self.after::<K>(list)? {
            None => self.skip(),
            Some(after) => all.partition_point(|item| key(item) <= after),
        };
        Ok(Page::of(list, self.limit, all.iter().skip(begin).take(self.limit + 1).cloned().collect(), key))
    }
}

impl<T> Page<T> {
    /// From one item more than asked for, where there is one.
    pub(crate) fn of<K: Serialize>(list: &str, limit: usize, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let place = items.last().filter(|_| more).and_then(|item| serde_json::to_string(&key(item)).ok());
        let next = place.map(|place| URL_SAFE_NO_PAD.encode(format!("{list} {place}")));
        Self { items, next }
    }

    /// Each item as it is shown.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(show).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(cursor: Option<String>, limit: usize) -> Part {
        Part { begin: Begin::After(cursor), limit }
    }

    #[test]
    fn cursors_lead_through_a_list_once() {
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = part(cursor, 3).cut("n", (1..=7).collect(), |n| *n).unwrap();
            assert!(page.items.len() <= 3);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=7).collect::<Vec<_>>());
        // Exactly full is the end.
        assert!(part(None, 7).cut("n", (1..=7).collect(), |n| *n).unwrap().next.is_none());
        assert_eq!(Part::page(3, 3).cut("n", (1..=7).collect(), |n| *n).unwrap().items, [7]);
        assert!(Part::page(usize::MAX, 3).cut("n", vec![1], |n| *n).unwrap().items.is_empty());
    }

    #[test]
    fn a_cursor_leads_on_when_its_item_is_gone() {
        let first = part(None, 3).cut("n", (1..=7).collect(), |n: &i32| *n).unwrap();
        let left: Vec<i32> = (1..=7).filter(|n| ![2, 3].contains(n)).collect();
        assert_eq!(part(first.next, 3).cut("n", left, |n| *n).unwrap().items, [4, 5, 6]);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = part(None, 1).cut("n", vec![1, 2], |n| *n).unwrap().next;
        for bad in [cursor.clone().unwrap(), "x".into(), "é".into(), String::new(), URL_SAFE_NO_PAD.encode("m x")] {
            let error = part(Some(bad), 1).cut("m", vec![1, 2], |n| *n).unwrap_err();
            assert_eq!(error.problems[0].code, "cursor");
        }
    }
}
