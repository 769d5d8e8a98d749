//! Rows, rights and transfers as pieces; whole runs in bad weather are in `tests/protocols/escrow.rs`.

use super::account::{Account, Row};
use super::*;
use crate::op::{Contents, Rank, Update, Value};
use crate::protocol::parts::version::Version;
use proptest::prelude::*;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);

fn stock(units: u64) -> Contents {
    Contents { object: Object::Stock, initial: units }
}

fn version(n: u32) -> Version {
    Version { rank: Rank { time: u64::from(n), node: n % 3 }, value: Value(n) }
}

#[test]
fn a_stock_is_dealt_out_whole_and_what_is_left_over_goes_to_the_first() {
    for units in 0..10 {
        let account = Account::new(3);
        let rights = [A, B, C].map(|replica| account.rights(replica, stock(units)));
        assert_eq!(rights.iter().sum::<u64>(), units);
        assert!(rights.is_sorted_by(|a, b| a >= b) && rights[0] - rights[2] <= 1, "{rights:?}");
    }
}

#[test]
fn a_transfer_moves_what_is_wanted_and_half_of_the_rest_and_arrives_once() {
    let (mut here, mut there) = (Account::new(3), Account::new(3));
    assert_eq!(here.grant(A, B, 3, stock(30)), 3 + 7 / 2);
    let row = here.row(A).clone();
    assert!(there.learn(A, &row) && !there.learn(A, &row));
    assert_eq!([A, B].map(|r| here.rights(r, stock(30))), [4, 16]);
    assert_eq!([A, B].map(|r| there.rights(r, stock(30))), [4, 16]);
    assert_eq!(here.grant(A, C, 9, stock(30)), 4, "more than there is cannot be granted");
    assert_eq!(here.grant(A, C, 1, stock(30)), 0);
}

#[test]
fn who_has_forgotten_a_transfer_has_fewer_rights_and_not_more() {
    let mut giver = Account::new(2);
    giver.grant(A, B, 4, stock(8));
    let mut taker = Account::new(2);
    taker.learn(A, giver.row(A));
    (1..=6).for_each(|n| taker.count(B, version(n), Update::Take(1)));
    let mut restarted = Account::new(2);
    restarted.learn(B, taker.row(B));
    assert_eq!((taker.rights(B, stock(8)), restarted.rights(B, stock(8))), (2, 0));
}

#[test]
fn states_that_replace_each_other_keep_the_one_with_the_higher_stamp() {
    let contents = Contents { object: Object::Counter, initial: 5 };
    let (mut one, mut other) = (Account::new(2), Account::new(2));
    assert_eq!(one.state(contents, true).word, 5);
    one.replace(A, version(1), 6);
    other.replace(B, version(2), 7);
    let (a, b) = (one.row(A).clone(), other.row(B).clone());
    one.learn(B, &b);
    other.learn(A, &a);
    assert_eq!(one, other);
    assert_eq!((one.state(contents, true).word, one.newest()), (7, version(2)));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |config: Config| Escrow::validate(&config, 3).expect_err("no sense");
    let counted = Config { conflicts: Rule::LastWriteWins, ..Config::default() };
    assert!(refused(counted).contains("needs guard = \"none\""));
    let siblings = Config { conflicts: Rule::Siblings, ..Config::default() };
    assert!(refused(siblings).contains("no rule `siblings`"));
    let slow = Config { anti_entropy: Duration::secs(9), ..Config::default() };
    assert!(refused(slow).contains("anti_entropy"));
    assert!(Escrow::validate(&Config::default(), 65).is_err());
    assert_eq!(Escrow::validate(&Config::default(), 3), Ok(()));
}

/// What happens to one key: somebody sells, grants, or tells another of its row; or restarts from its own.
fn steps() -> impl Strategy<Value = Vec<(u8, usize, usize, u64)>> {
    proptest::collection::vec((0_u8..6, 0_usize..3, 0_usize..3, 1_u64..5), 0..60)
}

proptest! {
    /// Whoever knows how little of the others, together they never sell more than there was.
    #[test]
    fn rights_are_never_used_twice(units in 0_u64..20, steps in steps()) {
        let contents = stock(units);
        let mut copies = [Account::new(3), Account::new(3), Account::new(3)];
        let mut sold = 0;
        for (n, (what, at, to, many)) in (1..).zip(steps) {
            let (me, peer) = (NodeId(at as u32), NodeId(to as u32));
            match what {
                0 | 1 if copies[at].rights(me, contents) >= many => {
                    copies[at].count(me, version(n), Update::Take(many as u16));
                    sold += many;
                }
                2 if at != to => _ = copies[at].grant(me, peer, many, contents),
                3 | 4 => {
                    let row: Row = copies[at].row(me).clone();
                    copies[to].learn(me, &row);
                }
                5 => {
                    let row: Row = copies[at].row(me).clone();
                    copies[at] = Account::new(3);
                    copies[at].learn(me, &row);
                }
                _ => {}
            }
            prop_assert!(sold <= units, "{sold} of {units}");
        }
        // Once everybody knows everything, what is left is what nobody sold.
        let mut all = Account::new(3);
        for (at, copy) in copies.iter().enumerate() {
            all.learn(NodeId(at as u32), copy.row(NodeId(at as u32)));
        }
        let rights: u64 = [A, B, C].map(|r| all.rights(r, contents)).iter().sum();
        prop_assert_eq!(rights, units - sold);
        prop_assert_eq!(all.state(contents, false).word, units - sold);
    }
}
