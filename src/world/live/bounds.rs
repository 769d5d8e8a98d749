//! What a message from another process may name: whoever sends what cannot be is refused before a machine sees it.
//!
//! A decoded message is well formed, and may still speak of the four thousand millionth key, for which a table
//! would be made as large. So it is walked once more, as serde walks what it writes, and whatever it names is
//! held against what the cluster has: keys, processes, and numbers that only rise and have room to. That needs
//! to know no protocol. Who sends holds its own messages against the same bounds, so that a process which would
//! be refused elsewhere says so itself.

use crate::scenario::cluster::RECORDS_MAX;
use serde::ser::{self, Serialize};
use std::fmt;

/// Numbers of operations, reigns and places in a log begin at 0 and rise by one: none gets so far in a run.
const RISING: u64 = 1 << 31;
/// A clock's reading in nanoseconds, that of a century from now; no log has so many entries either.
const CLOCK: u64 = 1 << 62;
/// Of some messages a part for each key, of others one for each session that ever was.
const PARTS_MAX: usize = 1 << 20;

/// What a cluster has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Replicas, the first of the processes.
    pub replicas: u32,
    /// Replicas and clients.
    pub processes: u32,
    /// What replicas keep for all keys that a load may have.
    pub keys: u32,
    /// Writes that were begun, where that is known.
    pub values: Option<u32>,
}

impl Bounds {
    /// The keys of a load at most, in a cluster of processes.
    pub(super) const KEYS: u32 = RECORDS_MAX;

    /// Refuses what names something that is not there.
    ///
    /// # Errors
    /// What it names, and how many there are.
    pub(super) fn check(&self, message: &impl Serialize) -> Result<(), String> {
        message.serialize(Walk { bounds: self, within: None }).map_err(|refusal| refusal.0)
    }

    /// The end of what goes by this name, of a type or of a field.
    fn of(&self, name: &'static str) -> Option<Limit> {
        let end = match name {
            "Key" => u64::from(self.keys),
            "NodeId" => u64::from(self.processes),
            // One bit each.
            "members" => 1_u64.checked_shl(self.replicas).unwrap_or(u64::MAX),
            "Value" => u64::from(self.values?) + 1,
            "OpId" | "Term" | "Epoch" | "Vector" | "epoch" | "line" => RISING,
            "LocalTime" | "time" | "index" | "seq" | "upto" => CLOCK,
            _ => return None,
        };
        Some(Limit { name, end })
    }
}

/// Numbers by this name end here.
#[derive(Clone, Copy)]
struct Limit {
    name: &'static str,
    end: u64,
}

/// Why a message is refused.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Walked = Result<(), Refusal>;

/// A place in a message.
#[derive(Clone, Copy)]
struct Walk<'a> {
    bounds: &'a Bounds,
    /// What numbers here are held against.
    within: Option<Limit>,
}

impl Walk<'_> {
    fn number(self, number: u64) -> Walked {
        match self.within {
            Some(Limit { name, end }) if number >= end => {
                Err(Refusal(format!("it names {name} {number}, and the last is {}", end - 1)))
            }
            _ => Ok(()),
        }
    }

    fn many(self, parts: Option<usize>) -> Result<Self, Refusal> {
        let most = PARTS_MAX.max(self.bounds.keys as usize);
        match parts {
            Some(parts) if parts > most => {
                Err(Refusal(format!("it is {parts} long somewhere, and may be {most}")))
            }
            _ => Ok(self),
        }
    }

    fn named(self, name: &'static str, part: &(impl Serialize + ?Sized)) -> Walked {
        let within = self.bounds.of(name).or(self.within);
        part.serialize(Walk { within, ..self })
    }
}

/// Numbers and what else has no parts.
macro_rules! plain {
    ($($number:ident: $of:ty),*; $($other:ident: $other_type:ty),*) => {
        $(fn $number(self, number: $of) -> Walked { self.number(u64::from(number)) })*
        $(fn $other(self, _: $other_type) -> Walked { Ok(()) })*
    };
}

impl ser::Serializer for Walk<'_> {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain! {
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64;
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str
    }

    fn serialize_none(self) -> Walked {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, part: &T) -> Walked {
        part.serialize(self)
    }
    fn serialize_unit(self) -> Walked {
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Walked {
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        part: &T,
    ) -> Walked {
        self.named(name, part)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        part: &T,
    ) -> Walked {
        part.serialize(self)
    }
    fn serialize_seq(self, parts: Option<usize>) -> Result<Self, Refusal> {
        self.many(parts)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_map(self, parts: Option<usize>) -> Result<Self, Refusal> {
        self.many(parts)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refusal> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refusal> {
        Ok(self)
    }
}

/// Whatever has parts is the walk to each of them.
macro_rules! parts {
    ($($of:ident: $take:ident),*) => {$(
        impl ser::$of for Walk<'_> {
            type Ok = ();
            type Error = Refusal;
            fn $take<T: Serialize + ?Sized>(&mut self, part: &T) -> Walked {
                part.serialize(*self)
            }
            fn end(self) -> Walked {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}

/// The same where parts have names.
macro_rules! fields {
    ($($of:ident),*) => {$(
        impl ser::$of for Walk<'_> {
            type Ok = ();
            type Error = Refusal;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, part: &T) -> Walked {
                self.named(name, part)
            }
            fn end(self) -> Walked {
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Walk<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Walked {
        key.serialize(*self)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Walked {
        value.serialize(*self)
    }
    fn end(self) -> Walked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Key, NodeId, OpId, Rank, Value};
    use crate::protocol::parts::vector::Vector;
    use serde::Serialize;

    #[derive(Serialize)]
    enum Said {
        Elsewhere { op: OpId, leader: Option<NodeId> },
        Has(Key, Rank),
        Ranks(Box<[Rank]>),
    }

    const BOUNDS: Bounds = Bounds { replicas: 3, processes: 5, keys: 10, values: None };

    fn told(message: &impl Serialize) -> String {
        BOUNDS.check(message).expect_err("it names what is not there")
    }

    #[test]
    fn what_a_cluster_has_may_be_named_and_nothing_beyond() {
        assert_eq!(BOUNDS.check(&(NodeId(4), Key(9), OpId(7), Value(u32::MAX))), Ok(()));
        assert_eq!(told(&Key(10)), "it names Key 10, and the last is 9");
        assert_eq!(told(&NodeId(5)), "it names NodeId 5, and the last is 4");
        let writes = Bounds { values: Some(3), ..BOUNDS };
        assert_eq!(writes.check(&Value(3)), Ok(()));
        assert!(writes.check(&Value(4)).is_err());
        assert!(told(&Vector::of(NodeId(1), u32::MAX)).contains("Vector"));
        assert!(told(&vec![0_u8; PARTS_MAX + 1]).contains("long"));
        assert!(told(&std::collections::BTreeMap::from([(Key(1), Key(77))])).contains("Key 77"));
    }

    #[test]
    fn it_is_found_however_deep_it_lies() {
        let elsewhere = Said::Elsewhere { op: OpId(1), leader: Some(NodeId(9)) };
        assert_eq!(told(&elsewhere), "it names NodeId 9, and the last is 4");
        let has = Said::Has(Key(4_000_000_000), Rank { time: 1, node: 1 });
        assert_eq!(told(&(7_u8, Some(has))), "it names Key 4000000000, and the last is 9");
        let late = Said::Ranks([Rank { time: u64::MAX, node: 0 }].into());
        assert!(told(&late).contains("time 18446744073709551615"));
    }
}
