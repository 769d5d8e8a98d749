//! Replicas with a log each, sessions that ask any of them, now and then twice, and deliveries in any order,
//! repeated, or as whole states: every rule against its definition in terms of causal histories.

use super::*;
use crate::op::{Key, NodeId, Rank, Value};
use crate::protocol::parts::version::Version;
use proptest::prelude::*;
use std::collections::BTreeSet;

const REPLICAS: usize = 3;
const KEY: Key = Key(0);

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A session reads at a replica.
    Read(usize, usize),
    /// It updates at one replica, and its copy at another one too.
    Update(usize, usize, Option<usize>, i32),
    /// A replica is sent the next entry of a log.
    Deliver(usize, usize),
    /// It is sent an old one again.
    Again(usize, usize, usize),
    /// It is sent a whole state.
    Install(usize, usize),
}

/// `copies`: whether sessions may ask twice.
fn steps(copies: bool) -> impl Strategy<Value = Vec<Step>> {
    let at = 0..REPLICAS;
    let twin = proptest::option::weighted(0.4, at.clone());
    let step = prop_oneof![
        4 => (0_usize..4, at.clone()).prop_map(|(s, r)| Step::Read(s, r)),
        5 => (0_usize..4, at.clone(), twin, -9..10_i32)
            .prop_map(move |(s, r, twin, n)| Step::Update(s, r, twin.filter(|_| copies), n)),
        6 => (at.clone(), at.clone()).prop_map(|(r, o)| Step::Deliver(r, o)),
        1 => (at.clone(), at.clone(), 0_usize..9).prop_map(|(r, o, i)| Step::Again(r, o, i)),
        1 => (at.clone(), at).prop_map(|(from, to)| Step::Install(from, to)),
    ];
    proptest::collection::vec(step, 0..60)
}

#[derive(Clone)]
struct Replica {
    merged: Merged,
    has: Vector,
    /// For the oracle: the updates it was told of.
    told: BTreeSet<Name>,
}

/// A session and, for the oracle, what it has read.
#[derive(Clone, Default)]
struct Person {
    n: u32,
    context: Vector,
    parent: Option<Sibling>,
    word: u64,
    past: BTreeSet<Name>,
    totals: (u64, u64),
}

/// An update as the oracle knows it.
#[derive(Clone, Debug)]
struct Event {
    name: Name,
    value: Value,
    /// The element put in (positive) or taken out, or what was added.
    number: i32,
    past: BTreeSet<Name>,
    parent: Option<Name>,
    length: u32,
    cart: u64,
}

struct Town {
    rule: Rule,
    replicas: Vec<Replica>,
    logs: Vec<Vec<(Version, Delta, Name)>>,
    people: Vec<Person>,
    events: Vec<Event>,
}

fn bit(number: i32) -> u64 {
    1 << (number.unsigned_abs() % 4)
}

impl Town {
    fn new(rule: Rule) -> Self {
        let merged = Merged::new(rule, 1, 0);
        let replica = Replica { merged, has: Vector::default(), told: BTreeSet::new() };
        Self {
            rule,
            replicas: vec![replica; REPLICAS],
            logs: vec![Vec::new(); REPLICAS],
            people: vec![Person::default(); 4],
            events: Vec::new(),
        }
    }

    /// The updates of these and of what their sessions had read.
    fn closure(&self, told: &BTreeSet<Name>) -> BTreeSet<Name> {
        let pasts = self.events.iter().filter(|event| told.contains(&event.name));
        told.iter().copied().chain(pasts.flat_map(|event| event.past.iter().copied())).collect()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read(s, r) => {
                let told = &self.replicas[r].told;
                // Elements are things of their own: what was gone of one says nothing of another.
                let elements = self.rule == Rule::AddWins;
                let past = if elements { told.clone() } else { self.closure(told) };
                let (replica, person) = (&self.replicas[r], &mut self.people[s]);
                person.context = replica.merged.context(KEY, &replica.has);
                person.parent = replica.merged.siblings(KEY).first().copied();
                person.word = replica.merged.word(KEY);
                person.past = past;
            }
            Step::Update(s, r, twin, number) => {
                let (version, delta, name) = self.update(s, number);
                for at in [Some(r), twin].into_iter().flatten() {
                    self.logs[at].push((version, delta, name));
                    let own = self.logs[at].len();
                    // Its own log is always complete.
                    self.deliver(at, at, own - 1);
                }
            }
            Step::Deliver(r, origin) => {
                let next = self.replicas[r].has.get(NodeId(origin as u32)) as usize;
                self.deliver(r, origin, next);
            }
            Step::Again(r, origin, i) => {
                let upto = self.replicas[r].has.get(NodeId(origin as u32)) as usize;
                self.deliver(r, origin, i.min(upto.saturating_sub(1)));
            }
            Step::Install(from, to) => {
                let from = self.replicas[from].clone();
                let to = &mut self.replicas[to];
                to.merged.join(&from.merged);
                to.has = to.has.join(&from.has);
                to.told.extend(from.told);
            }
        }
    }

    fn update(&mut self, s: usize, number: i32) -> (Version, Delta, Name) {
        let value = Value(self.events.len() as u32 + 1);
        let person = &mut self.people[s];
        person.n += 1;
        let (name, seen) = (Name { client: s as u32, n: person.n }, person.context);
        let element = (number.unsigned_abs() % 4) as u8;
        let parent = person.parent.map(|parent| parent.name);
        let length = person.parent.map_or(0, |parent| parent.length) + 1;
        let cart = if number < 0 { person.word & !bit(number) } else { person.word | bit(number) };
        let delta = match self.rule {
            Rule::LastWriteWins => Delta::Stamp,
            Rule::Siblings => Delta::Write { name, word: 0, seen },
            Rule::CartUnion => Delta::Write { name, word: cart, seen },
            Rule::RevisionTree => Delta::Revise { name, length, parent },
            Rule::AddWins if number < 0 => Delta::Remove { element, seen },
            Rule::AddWins => Delta::Insert { name, element, seen },
            Rule::PnCounter => {
                let by = u64::from(number.unsigned_abs());
                let total = if number < 0 { &mut person.totals.1 } else { &mut person.totals.0 };
                *total += by;
                Delta::Count {
                    session: Name { client: s as u32, n: 0 },
                    up: person.totals.0,
                    down: person.totals.1,
                }
            }
        };
        let past = person.past.clone();
        self.events.push(Event { name, value, number, past, parent, length, cart });
        // Stamps that say nothing of the order in which things happened.
        let time = u64::from(value.0) * 7 % 5;
        (Version { rank: Rank { time, node: s as u32 }, value }, delta, name)
    }

    fn deliver(&mut self, r: usize, origin: usize, at: usize) {
        let Some((version, delta, name)) = self.logs[origin].get(at) else { return };
        let dot = Dot { origin: NodeId(origin as u32), seq: at as u32 + 1 };
        let replica = &mut self.replicas[r];
        replica.merged.apply(KEY, dot, *version, delta);
        replica.told.insert(*name);
        let has = replica.has.get(dot.origin).max(dot.seq);
        replica.has.set(dot.origin, has);
    }

    /// Everybody is told everything, each in another order; then all are equal.
    fn rest(&mut self) -> &Merged {
        for r in 0..REPLICAS {
            for origin in (0..REPLICAS).map(|i| (i + r) % REPLICAS) {
                for at in 0..self.logs[origin].len() {
                    self.deliver(r, origin, at);
                }
            }
        }
        let views: Vec<_> = self.replicas.iter().map(|r| self.view(r)).collect();
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{views:?}");
        &self.replicas[0].merged
    }

    /// What readers see.
    fn view(&self, replica: &Replica) -> (Vec<Value>, u64) {
        let shown = replica.merged.siblings(KEY).iter().map(|s| s.version.value);
        (shown.collect(), replica.merged.word(KEY))
    }

    /// The updates among these that no other one's session had read.
    fn maximal(&self, told: &BTreeSet<Name>) -> BTreeSet<Value> {
        let events = || self.events.iter().filter(|event| told.contains(&event.name));
        let read = |name: &Name| events().any(|event| event.past.contains(name));
        events().filter(|event| !read(&event.name)).map(|event| event.value).collect()
    }

    fn shown(&self, r: usize) -> BTreeSet<Value> {
        self.view(&self.replicas[r]).0.into_iter().collect()
    }

    /// The elements with an insert that no update of the element had read.
    fn elements(&self) -> u64 {
        let read = |insert: &Event| {
            let same = |event: &&Event| bit(event.number) == bit(insert.number);
            self.events.iter().filter(same).any(|event| event.past.contains(&insert.name))
        };
        let inserts = self.events.iter().filter(|event| event.number >= 0);
        inserts.filter(|event| !read(event)).fold(0, |word, event| word | bit(event.number))
    }

    /// Whoever is nobody's parent; the longest branch first, then the higher name.
    fn leaves(&self) -> Vec<Value> {
        let is_parent = |name| self.events.iter().any(|event| event.parent == Some(name));
        let mut leaves: Vec<_> = self.events.iter().filter(|e| !is_parent(e.name)).collect();
        leaves.sort_by_key(|event| std::cmp::Reverse((event.length, event.name)));
        leaves.iter().map(|event| event.value).collect()
    }
}

/// A town after these steps.
fn after(rule: Rule, steps: &[Step]) -> Town {
    let mut town = Town::new(rule);
    steps.iter().for_each(|step| town.step(step));
    town
}

proptest! {
    #[test]
    fn siblings_are_what_no_writer_had_seen_at_every_moment(steps in steps(false)) {
        let mut town = Town::new(Rule::Siblings);
        for step in &steps {
            town.step(step);
            for r in 0..REPLICAS {
                prop_assert_eq!(town.shown(r), town.maximal(&town.replicas[r].told));
            }
        }
    }

    #[test]
    fn a_write_that_two_logs_hold_is_one_sibling(steps in steps(true)) {
        let mut town = after(Rule::Siblings, &steps);
        let expected = town.maximal(&town.events.iter().map(|event| event.name).collect());
        let shown = town.rest().siblings(KEY).len();
        prop_assert_eq!((town.shown(0), shown), (expected.clone(), expected.len()));
    }

    #[test]
    fn a_counter_is_the_sum_of_its_increments(steps in steps(true)) {
        let mut town = after(Rule::PnCounter, &steps);
        let sum: i64 = town.events.iter().map(|event| i64::from(event.number)).sum();
        prop_assert_eq!(town.rest().word(KEY) as i64, sum);
    }

    #[test]
    fn an_insert_wins_over_a_remove_that_had_not_seen_it(steps in steps(true)) {
        let mut town = after(Rule::AddWins, &steps);
        let expected = town.elements();
        prop_assert_eq!(town.rest().word(KEY), expected);
    }

    #[test]
    fn a_cart_is_the_union_of_those_that_nobody_replaced(steps in steps(true)) {
        let mut town = after(Rule::CartUnion, &steps);
        let last = town.maximal(&town.events.iter().map(|event| event.name).collect());
        let carts = town.events.iter().filter(|event| last.contains(&event.value));
        let union = carts.fold(0, |word, event| word | event.cart);
        prop_assert_eq!(town.rest().word(KEY), union);
    }

    #[test]
    fn the_same_revision_wins_everywhere_and_the_losers_are_kept(steps in steps(true)) {
        let mut town = after(Rule::RevisionTree, &steps);
        let expected = town.leaves();
        town.rest();
        prop_assert_eq!(town.view(&town.replicas[0]).0, expected);
    }

    #[test]
    fn joining_states_is_commutative_associative_and_idempotent(
        steps in steps(true),
        rule in 1_usize..6,
    ) {
        let rules = [
            Rule::LastWriteWins,
            Rule::Siblings,
            Rule::RevisionTree,
            Rule::PnCounter,
            Rule::AddWins,
            Rule::CartUnion,
        ];
        let town = after(rules[rule], &steps);
        let [a, b, c] = [0, 1, 2].map(|r| town.replicas[r].merged.clone());
        let join = |one: &Merged, other: &Merged| {
            let mut joined = one.clone();
            joined.join(other);
            joined
        };
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        prop_assert_eq!(join(&a, &a), a);
    }
}

/// Two sessions write on two sides of a cut, then all is delivered.
fn both_sides(rule: Rule, before: &[Step], apple: i32, banana: i32) -> Town {
    let mut town = after(rule, before);
    town.step(&Step::Update(0, 0, None, apple));
    town.step(&Step::Update(1, 1, None, banana));
    town.rest();
    town
}

#[test]
fn apple_and_banana_stand_beside_each_other_until_somebody_has_read_both() {
    let mut town = both_sides(Rule::Siblings, &[], 1, 2);
    assert_eq!(town.shown(2), BTreeSet::from([Value(1), Value(2)]));
    town.step(&Step::Read(2, 2));
    town.step(&Step::Update(2, 2, None, 3));
    town.rest();
    assert_eq!(town.shown(0), BTreeSet::from([Value(3)]));
}

#[test]
fn what_was_removed_from_a_cart_comes_back_and_from_a_set_only_if_it_was_put_in_again() {
    let read_by_both = [
        Step::Update(2, 2, None, 1),
        Step::Deliver(0, 2),
        Step::Deliver(1, 2),
        Step::Read(0, 0),
        Step::Read(1, 1),
    ];
    for (rule, expected) in [(Rule::CartUnion, bit(1) | bit(2)), (Rule::AddWins, bit(2))] {
        let town = both_sides(rule, &read_by_both, -1, 2);
        assert_eq!(town.replicas[0].merged.word(KEY), expected, "{rule:?}");
    }
    let town = both_sides(Rule::AddWins, &read_by_both, -1, 1);
    assert_eq!(town.replicas[0].merged.word(KEY), bit(1), "it was put in while it was taken out");
}

#[test]
fn elements_that_a_set_has_from_the_start_can_be_taken_out() {
    let mut merged = Merged::new(Rule::AddWins, 1, 0b110);
    let dot = Dot { origin: NodeId(0), seq: 1 };
    let remove = Delta::Remove { element: 2, seen: Vector::default() };
    merged.apply(KEY, dot, Version::default(), &remove);
    assert_eq!(merged.word(KEY), 0b010);
    assert_eq!(Merged::new(Rule::CartUnion, 1, 0b110).word(KEY), 0b110);
}

/// A map whose fields are sets, such as Riak's, has a key for each field: a field is there while its set has
/// elements, and to remove it is to take out what its reader has found there. What was put in meanwhile
/// stays, and with it the field; other fields are not touched.
#[test]
fn a_map_of_sets_is_a_set_for_each_field() {
    let (milk, tools) = (Key(0), Key(1));
    let mut replicas = [(); 2].map(|()| Merged::new(Rule::AddWins, 2, 0));
    let mut has = Vector::default();
    let mut told = |replicas: &mut [Merged], origin: u32, key, delta: Delta| {
        let origin = NodeId(origin);
        has.set(origin, has.get(origin) + 1);
        let dot = Dot { origin, seq: has.get(origin) };
        replicas.iter_mut().for_each(|one| one.apply(key, dot, Version::default(), &delta));
        has
    };
    let insert = |n, element| {
        let (name, seen) = (Name { client: 9, n }, Vector::default());
        Delta::Insert { name, element, seen }
    };
    for (n, key, element) in [(1, milk, 4), (2, milk, 5), (3, tools, 6)] {
        told(&mut replicas, 0, key, insert(n, element));
    }
    let known = told(&mut replicas, 0, tools, insert(4, 7));
    let field = replicas[1].word(milk);
    assert_eq!(field, 1 << 4 | 1 << 5);
    // The second replica's reader removes the field; on the other side of a cut something is put into it.
    let context = replicas[1].context(milk, &known);
    let (one, other) = replicas.split_at_mut(1);
    let late = insert(5, 6);
    told(one, 0, milk, late);
    let elements = (0..64).filter(|element| field >> element & 1 == 1);
    let removes: Vec<Delta> =
        elements.map(|element| Delta::Remove { element, seen: context }).collect();
    for (seq, remove) in (1..).zip(&removes) {
        let dot = Dot { origin: NodeId(1), seq };
        other[0].apply(milk, dot, Version::default(), remove);
    }
    assert_eq!((other[0].word(milk), other[0].word(tools)), (0, 1 << 6 | 1 << 7), "it is gone");
    let dot = Dot { origin: NodeId(0), seq: 5 };
    other[0].apply(milk, dot, Version::default(), &late);
    for (seq, remove) in (1..).zip(&removes) {
        let dot = Dot { origin: NodeId(1), seq };
        one[0].apply(milk, dot, Version::default(), remove);
    }
    for replica in &replicas {
        assert_eq!([milk, tools].map(|key| replica.word(key)), [1 << 6, 1 << 6 | 1 << 7]);
    }
}
