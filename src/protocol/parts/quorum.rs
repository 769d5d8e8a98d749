//! Counting acknowledgements: pure functions over what each member has confirmed.

/// The smallest number of `members` that is a majority.
#[must_use]
pub fn majority(members: u32) -> usize {
    members as usize / 2 + 1
}

/// Up to this many members plain insertion is faster than selection.
const SMALL: usize = 9;

/// The largest value that at least `k` of `confirmed` have reached; the least value where `k` is 0 or
/// more than there are. Reorders in place, so callers reuse a scratch buffer.
#[must_use]
pub fn kth_largest<T: Copy + Ord + Default>(confirmed: &mut [T], k: usize) -> T {
    if k == 0 || k > confirmed.len() {
        return T::default();
    }
    if confirmed.len() > SMALL {
        let place = confirmed.len() - k;
        return *confirmed.select_nth_unstable(place).1;
    }
    for end in 1..confirmed.len() {
        let mut at = end;
        while at > 0 && confirmed[at - 1] < confirmed[at] {
            confirmed.swap(at - 1, at);
            at -= 1;
        }
    }
    confirmed[k - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn majorities() {
        assert_eq!([1, 2, 3, 4, 5, 7].map(majority), [1, 2, 2, 3, 3, 4]);
    }

    proptest! {
        #[test]
        fn at_least_k_have_reached_it(mut acks in proptest::collection::vec(0u64..20, 1..14), k in 1usize..14) {
            prop_assume!(k <= acks.len());
            let reached = kth_largest(&mut acks, k);
            prop_assert!(acks.iter().filter(|a| **a >= reached).count() >= k);
            prop_assert!(acks.iter().filter(|a| **a > reached).count() < k);
        }
    }
}
