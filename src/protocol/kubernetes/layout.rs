//! Where things are in etcd, and what a copy of it says: the API objects of a cluster, each a register.
//!
//! First come the machines' leases and conditions and the lease of the controllers, then three registers for
//! each service: the version that was applied, the version that its pods shall run, and where they are
//! placed. A register that was never written says what a cluster is like that has been up for a while: nodes
//! are ready, machine 0's controllers are active, and pods are spread over the workers.

use super::Config;
use crate::op::{Key, NodeId, Value};

/// A node's condition while it is not ready.
pub(super) const UNKNOWN: Value = Value(1);
/// A placement that was written, and not the first one.
const PLACED: u32 = 1 << 31;

/// What a register of etcd is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// The lease that a worker's kubelet renews.
    Lease(NodeId),
    /// Whether a worker is ready.
    Condition(NodeId),
    /// The lease of the active controllers.
    Holder,
    /// The version of a service that was applied.
    Spec(Key),
    /// The version that its pods shall run.
    Rolled(Key),
    /// The workers on which they are.
    Placed(Key),
}

/// The shape of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) machines: u32,
    pub(super) control: u32,
    pods: u32,
}

impl Layout {
    pub(super) fn of(config: &Config, machines: u32) -> Self {
        Self { machines, control: config.control_plane(machines), pods: config.pods }
    }

    /// The workers.
    pub(super) fn workers(self) -> impl Iterator<Item = NodeId> {
        (self.control..self.machines).map(NodeId)
    }

    /// An object's register.
    pub(super) fn key(self, object: Object) -> Key {
        let of_service = |key: Key, part| Key(self.before() + 3 * key.0 + part);
        match object {
            Object::Lease(node) => Key(node.0),
            Object::Condition(node) => Key(self.machines + node.0),
            Object::Holder => Key(2 * self.machines),
            Object::Spec(key) => of_service(key, 0),
            Object::Rolled(key) => of_service(key, 1),
            Object::Placed(key) => of_service(key, 2),
        }
    }

    /// What a register is about.
    pub(super) fn object(self, key: Key) -> Object {
        let n = self.machines;
        match key.0.checked_sub(self.before()) {
            Some(rest) => {
                [Object::Spec, Object::Rolled, Object::Placed][rest as usize % 3](Key(rest / 3))
            }
            None if key.0 < n => Object::Lease(NodeId(key.0)),
            None if key.0 < 2 * n => Object::Condition(NodeId(key.0 - n)),
            None => Object::Holder,
        }
    }

    /// How many registers so many services need.
    pub(super) fn registers(self, services: u32) -> u32 {
        self.before() + 3 * services
    }

    /// How many services so many registers are for.
    pub(super) fn services(self, registers: u32) -> u32 {
        registers.saturating_sub(self.before()).div_ceil(3)
    }

    fn before(self) -> u32 {
        2 * self.machines + 1
    }

    fn bit(self, worker: NodeId) -> u32 {
        1 << (worker.0 - self.control)
    }

    /// The workers on which a service's pods are, by what its register says.
    pub(super) fn placed(self, key: Key, raw: Value) -> Pods {
        if raw.0 & PLACED != 0 {
            return Pods { layout: self, bits: raw.0 & !PLACED };
        }
        let workers = self.machines - self.control;
        let place = |i: u32| 1_u32 << ((key.0 % workers + i) % workers);
        let bits = (0..self.pods.min(workers)).map(place).fold(0, |all, bit| all | bit);
        Pods { layout: self, bits }
    }
}

/// Workers that run a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pods {
    layout: Layout,
    bits: u32,
}

impl Pods {
    pub(super) fn has(self, worker: NodeId) -> bool {
        self.bits & self.layout.bit(worker) != 0
    }

    /// Them, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = NodeId> {
        self.layout.workers().filter(move |worker| self.has(*worker))
    }

    /// The same with one gone and perhaps another in its place, as its register says it.
    pub(super) fn moved(self, from: NodeId, to: Option<NodeId>) -> Value {
        let to = to.map_or(0, |to| self.layout.bit(to));
        Value(self.bits & !self.layout.bit(from) | to | PLACED)
    }
}

/// A worker's copy of the registers, as of what it was told last.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// How much of etcd's log it has.
    pub(super) index: u64,
    pub(super) values: Vec<Value>,
}

impl View {
    pub(super) fn get(&self, key: Key) -> Value {
        self.values.get(key.0 as usize).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, key: Key, value: Value) {
        *crate::protocol::parts::table::slot(&mut self.values, key.0 as usize) = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::of(&Config::default(), 6)
    }

    #[test]
    fn every_register_is_about_one_object() {
        let layout = layout();
        for key in (0..layout.registers(5)).map(Key) {
            assert_eq!(layout.key(layout.object(key)), key);
        }
        assert_eq!(layout.services(layout.registers(5)), 5);
        assert_eq!(layout.services(3), 0);
    }

    #[test]
    fn pods_are_spread_at_first_and_move_one_at_a_time() {
        let layout = layout();
        let on = |pods: Pods| pods.iter().map(|node| node.0).collect::<Vec<_>>();
        let at_first = layout.placed(Key(2), Value::INITIAL);
        assert_eq!(on(at_first), [3, 5]);
        let moved = at_first.moved(NodeId(5), Some(NodeId(4)));
        assert_eq!(on(layout.placed(Key(2), moved)), [3, 4]);
        let gone = layout.placed(Key(2), moved).moved(NodeId(3), None);
        let gone = layout.placed(Key(2), gone).moved(NodeId(4), None);
        assert_eq!(on(layout.placed(Key(2), gone)), [0_u32; 0]);
    }
}
