//! Messages that are well formed and make no sense, of any protocol, for a replica that must live through them.
//!
//! Every message type can be read from whatever answers serde's questions. Here a random source answers: mostly
//! with what there is, and now and then with what there is not.

use super::bounds::Bounds;
use super::log::Log;
use super::node::{Input, ReplicaNode};
use super::set_up;
use crate::op::NodeId;
use crate::protocol::Protocol;
use crate::rng::Rng;
use crate::scenario::plan::Plan;
use crate::world::clock::Clock;
use crate::world::env::Envs;
use crate::world::load::Load;
use serde::de::value::{Error, U32Deserializer};
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer as _, Visitor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// What became of the messages that a replica was sent.
#[derive(Debug, Default)]
pub(crate) struct Harassed {
    /// So many were taken up.
    pub heard: u64,
    /// So many named what is not there.
    pub refused: u64,
    /// So many broke the machine, which went on from its log.
    pub broken: u64,
}

/// Sends a replica of a plan well-formed nonsense, this many messages, as processes of its cluster do. It panics
/// if the replica does.
pub(crate) fn harass<P: Protocol>(plan: &Plan, replica: usize, messages: u32) -> Harassed {
    let config: P::Config = plan.config.clone().try_into().expect("a plan's settings");
    let load = Load::new(plan, 1);
    let env = Envs::<P>::new(plan, config.clone(), load.keys()).of(replica as u32, replica);
    let (hub, mut inboxes, _) = set_up::<P>(plan, plan, &config, 1, load, Some(replica));
    hub.count_anew();
    let broken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&broken);
    let put_out = move |_: NodeId, _: &str| _ = counter.fetch_add(1, Ordering::Relaxed);
    assert!(hub.put_out.set(Box::new(put_out)).is_ok());
    let folder = tempfile::tempdir().expect("a folder");
    let log = Log::new_file(&hub, replica, folder.path()).expect("a log");
    let (rng, clock) = (Rng::stream(1, "node", 0), Clock::EXACT);
    let mut node = ReplicaNode::<P>::new(Arc::clone(&hub), env, rng, clock, log);
    node.take(Input::Boot { life: 0 });
    read_back(&mut node, &mut inboxes[replica]);
    let replicas = plan.replicas.len() as u32;
    let keys = P::keys(&config, replicas, Bounds::KEYS);
    let bounds = Bounds { replicas, processes: hub.inboxes.len() as u32, keys, values: None };
    let mut rng = Rng::stream(1, "absurd", replica as u64);
    let mut found = Harassed::default();
    for _ in 0..messages {
        let Ok(msg) = P::Msg::deserialize(Absurd { rng: &mut rng, bounds, name: "" }) else {
            continue;
        };
        if bounds.check(&msg).is_err() {
            found.refused += 1;
            continue;
        }
        found.heard += 1;
        let from = NodeId(rng.below(u64::from(bounds.processes)) as u32);
        let life = hub.life(replica);
        node.take(Input::Message { from, msg, life, due: None });
        if hub.life(replica) != life {
            read_back(&mut node, &mut inboxes[replica]);
        }
        while let Ok(input) = inboxes[replica].try_recv() {
            node.take(input);
        }
    }
    assert_eq!(hub.lock().failure, None);
    found.broken = broken.load(Ordering::Relaxed);
    found
}

/// Waits until a replica has begun a life from its log.
fn read_back<P: Protocol>(node: &mut ReplicaNode<P>, inbox: &mut mpsc::Receiver<Input<P>>) {
    loop {
        let input = inbox.blocking_recv().expect("the log answers");
        let is_all = matches!(input, Input::Recovered { .. });
        node.take(input);
        if is_all {
            return;
        }
    }
}

/// Answers with random values.
struct Absurd<'a> {
    rng: &'a mut Rng,
    bounds: Bounds,
    /// Of which type.
    name: &'static str,
}

impl Absurd<'_> {
    fn again(&mut self, name: &'static str) -> Absurd<'_> {
        Absurd { rng: self.rng, bounds: self.bounds, name }
    }

    fn number(&mut self, most: u64) -> u64 {
        let there = match self.name {
            "Key" => u64::from(self.bounds.keys),
            "NodeId" => u64::from(self.bounds.processes),
            _ => 0,
        };
        if there > 0 && self.rng.below(20) > 0 {
            let most = if self.rng.below(9) > 0 { there.min(20) } else { there };
            return self.rng.below(most);
        }
        match self.rng.below(8) {
            0 => most,
            1 => most - self.rng.below(3),
            2 => most / 2 + self.rng.below(3),
            3 => self.rng.below(most),
            _ => self.rng.below(6),
        }
    }
}

/// Numbers of every kind.
macro_rules! numbers {
    ($($ask:ident: $visit:ident, $of:ty),*) => {$(
        fn $ask<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number(<$of>::MAX as u64) as $of)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Absurd<'_> {
    type Error = Error;

    numbers! {
        deserialize_u8: visit_u8, u8, deserialize_u16: visit_u16, u16, deserialize_u32: visit_u32, u32,
        deserialize_u64: visit_u64, u64, deserialize_i64: visit_i64, i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.rng.below(2) == 0)
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let all = ["0ms", "1ms", "60s", "9000000000s"];
        visitor.visit_str(all[self.rng.below(4) as usize])
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.rng.below(3) == 0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.again(name))
    }
    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let left = if self.rng.below(20) == 0 { 300 } else { self.rng.below(4) as usize };
        let name = self.name;
        visitor.visit_seq(Parts { of: self.again(name), left, fields: &[] })
    }
    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = self.name;
        visitor.visit_seq(Parts { of: self.again(name), left, fields: &[] })
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(left, visitor)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts { of: self.again(""), left: fields.len(), fields })
    }
    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let chosen = self.rng.below(variants.len() as u64) as u32;
        visitor.visit_enum(Chosen { of: self.again(""), chosen })
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("messages say what they are"))
    }
    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 f32 f64 char string bytes byte_buf unit_struct map identifier ignored_any
    }
}

struct Parts<'a> {
    of: Absurd<'a>,
    left: usize,
    fields: &'static [&'static str],
}

impl<'de> de::SeqAccess<'de> for Parts<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let name = if self.fields.is_empty() { self.of.name } else { "" };
        seed.deserialize(self.of.again(name)).map(Some)
    }
}

struct Chosen<'a> {
    of: Absurd<'a>,
    chosen: u32,
}

impl<'de, 'a> de::EnumAccess<'de> for Chosen<'a> {
    type Error = Error;
    type Variant = Absurd<'a>;
    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Absurd<'a>), Error> {
        let number: U32Deserializer<Error> = self.chosen.into_deserializer();
        Ok((seed.deserialize(number)?, self.of))
    }
}

impl<'de> de::VariantAccess<'de> for Absurd<'_> {
    type Error = Error;
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_tuple(self, left, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
