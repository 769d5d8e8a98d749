//! Things kept until their event comes up, in slots that are used again.
//!
//! Messages live here while they travel: an event names its message's slot, so the queue moves four
//! bytes where a message may have a hundred.

/// Slots with a free list.
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Option<u32>,
}

enum Slot<T> {
    Full(T),
    /// The next free slot, or none.
    Free(Option<u32>),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: None }
    }
}

impl<T> Slab<T> {
    /// Keeps a thing; its slot.
    #[inline]
    pub(super) fn keep(&mut self, thing: T) -> u32 {
        let Some(slot) = self.free else {
            self.slots.push(Slot::Full(thing));
            return (self.slots.len() - 1) as u32;
        };
        let place = &mut self.slots[slot as usize];
        if let Slot::Free(next) = place {
            self.free = *next;
        }
        *place = Slot::Full(thing);
        slot
    }

    /// Takes a thing out of its slot.
    ///
    /// # Panics
    /// If the slot is free.
    #[inline]
    pub(super) fn take(&mut self, slot: u32) -> T {
        let freed = Slot::Free(self.free);
        self.free = Some(slot);
        match std::mem::replace(&mut self.slots[slot as usize], freed) {
            Slot::Full(thing) => thing,
            Slot::Free(_) => unreachable!("an event names a slot that is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_slots_are_used_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.keep('a'), slab.keep('b'));
        assert_eq!(slab.take(a), 'a');
        assert_eq!(slab.keep('c'), a);
        assert_eq!((slab.take(b), slab.take(a), slab.slots.len()), ('b', 'c', 2));
    }
}
