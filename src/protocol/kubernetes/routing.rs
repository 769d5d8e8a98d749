//! What a worker does for the pods on it that call services: kube-proxy and the resolver.
//!
//! Both answer from what the worker was told last, however long ago. kube-proxy sends each connection to an
//! endpoint drawn from those it knows; whether that lives it finds out, or its client does, by silence. The
//! resolver (CoreDNS behind a node-local cache) answers with the record of the rollout it knows of, and
//! from its cache for as long as a record lives: for a service without an address of its own, a new rollout
//! is new addresses.

use super::MachineCx;
use super::control::answer;
use super::layout::{Object, UNKNOWN};
use super::message::{Answer, Msg};
use super::worker::Worker;
use crate::op::{Key, Level, NodeId, Op, Request, Ret, Value};

impl Worker {
    /// A request of a pod here.
    pub(super) fn on_ask(&mut self, from: NodeId, request: Request, cx: MachineCx<'_, '_>) {
        let end = if !self.informed {
            Answer::Unavailable
        } else if request.level == Level::Resolved {
            self.resolve(&request, cx)
        } else {
            let endpoints = self.endpoints(request.key);
            if endpoints.is_empty() {
                Answer::NoEndpoint
            } else {
                let drawn = endpoints[cx.rng().below(endpoints.len() as u64) as usize];
                if drawn != self.env.me {
                    return cx.send(drawn, Msg::Forward { client: from, request });
                }
                self.serve(&request)
            }
        };
        answer(from, request.id, None, end, cx);
    }

    /// A request that another worker's kube-proxy sent to the pod here.
    pub(super) fn on_forward(
        &mut self,
        from: NodeId,
        client: NodeId,
        request: Request,
        cx: MachineCx<'_, '_>,
    ) {
        answer(client, request.id, Some(from), self.serve(&request), cx);
    }

    /// A service's pods on nodes that are ready, as far as is known here.
    pub(super) fn endpoints(&self, service: Key) -> Vec<NodeId> {
        let placed = self.view.get(self.layout.key(Object::Placed(service)));
        let ready =
            |node: &NodeId| self.view.get(self.layout.key(Object::Condition(*node))) != UNKNOWN;
        self.layout.placed(service, placed).iter().filter(ready).collect()
    }

    /// What the pod here answers. Of further services, what is running or known here.
    fn serve(&self, request: &Request) -> Answer {
        let Some(version) = self.running(request.key) else { return Answer::Unavailable };
        Answer::Done(match request.op {
            Op::Scan(count) => Ret::Values(services(request.key, count, |key| self.shown(key))),
            Op::Read | Op::Write(..) => Ret::Value(version),
        })
    }

    /// What a local look at a service shows.
    pub(super) fn shown(&self, service: Key) -> Value {
        self.running(service).unwrap_or_else(|| self.rolled(service))
    }

    fn resolve(&mut self, request: &Request, cx: MachineCx<'_, '_>) -> Answer {
        Answer::Done(match request.op {
            Op::Scan(count) => {
                Ret::Values(services(request.key, count, |key| self.record(key, cx)))
            }
            Op::Read | Op::Write(..) => Ret::Value(self.record(request.key, cx)),
        })
    }

    /// A service's record: the one remembered, or the one known now.
    fn record(&mut self, service: Key, cx: MachineCx<'_, '_>) -> Value {
        let now = cx.clock();
        match self.records.get(&service) {
            Some((record, since)) if now.since(*since) < self.env.config.dns_ttl => *record,
            _ => {
                let record = self.rolled(service);
                self.records.insert(service, (record, now));
                record
            }
        }
    }
}

fn services(first: Key, count: u16, value: impl FnMut(Key) -> Value) -> Box<[Value]> {
    (first.0..first.0 + u32::from(count)).map(Key).map(value).collect()
}
