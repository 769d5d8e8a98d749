//! A verdict with its evidence and its rate, for people and for programs.

use super::super::{style, style_end};
use crate::foreign::{Condition, Counterexample, History, Rate, Verdict, Witness, describe, ticks};
use crate::results::wilson;
use serde_json::{Value, json};
use std::fmt::Write as _;

const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Operations of a counterexample that are printed; the rest is counted.
const MOST_OPERATIONS: usize = 40;

/// What there is to say of one file and one guarantee.
pub(super) struct Said<'a> {
    pub(super) name: &'a str,
    pub(super) history: &'a History,
    pub(super) condition: Condition,
    pub(super) verdict: &'a Verdict,
    pub(super) rate: Option<Rate>,
}

impl Said<'_> {
    fn line(&self, i: u32) -> u32 {
        self.history.operations()[i as usize].line
    }

    fn did(&self, i: u32) -> String {
        describe(self.history, &self.history.operations()[i as usize])
    }

    pub(super) fn paragraph(&self) -> String {
        let (head, end) = (style(BOLD), style_end(BOLD));
        let (name, condition) = (self.name, self.condition);
        let mut text = format!("{name}: {condition}: {head}");
        let _ = match self.verdict {
            Verdict::Holds(witness) => writeln!(text, "holds{end}: {}", self.witness(witness)),
            Verdict::Unknown(reason) => writeln!(text, "unknown{end}: {reason}"),
            Verdict::Violated(example) => {
                let _ = writeln!(text, "violated{end}: {}", example.message);
                for i in example.operations.iter().take(MOST_OPERATIONS) {
                    let _ = writeln!(text, "  line {}: {}", self.line(*i), self.did(*i));
                }
                match example.operations.len().checked_sub(MOST_OPERATIONS) {
                    None | Some(0) => Ok(()),
                    Some(more) => writeln!(text, "  and {more} more"),
                }
            }
        };
        if let Some(rate) = self.rate.filter(|rate| self.verdict.is_violated() || rate.of > 0) {
            let _ = writeln!(text, "  {}", in_words(&rate, self.verdict.is_violated()));
        }
        text
    }

    /// What shows that it holds, in a sentence.
    fn witness(&self, witness: &Witness) -> String {
        match witness {
            Witness::Reason(reason) => reason.clone(),
            Witness::Order(order) => {
                format!("there is an order of all {} operations", order.len())
            }
            Witness::Versions(_) => {
                "there is an order of versions that agrees with every session".to_owned()
            }
            Witness::NoPattern { patterns, looked_at: [reads, writes, processes], .. } => format!(
                "there is no bad pattern in it, of {}; looked at were reads: {reads}, writes: \
                 {writes}, processes: {processes}",
                patterns.join(", ")
            ),
            Witness::LeastVersions(k) => format!("it is {k}-atomic"),
            Witness::LeastTicks(0) => "it is linearizable as it is".to_owned(),
            Witness::LeastTicks(least) => {
                format!("a slack of {} is the least that does", ticks(*least))
            }
            Witness::Stalest { read, missed, versions, ticks: age } => {
                let many = if *versions == 1 { "version" } else { "versions" };
                format!(
                    "the stalest read is {} and {versions} {many} behind: {}, after {}",
                    ticks(*age),
                    self.did(*read),
                    self.did(*missed)
                )
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let (word, more) = match self.verdict {
            Verdict::Holds(witness) => ("holds", self.whole(witness)),
            Verdict::Unknown(reason) => ("unknown", json!({ "reason": reason })),
            Verdict::Violated(Counterexample { pattern, message, operations }) => {
                let operations: Vec<Value> = operations.iter().map(|i| self.told(*i)).collect();
                let example = json!({
                    "message": message,
                    "pattern": pattern,
                    "counterexample": operations,
                });
                ("violated", example)
            }
        };
        let mut object = json!({
            "file": self.name,
            "guarantee": self.condition.to_string(),
            "operations": self.history.operations().len(),
            "verdict": word,
            "rate": self.rate.map(|rate| as_json(&rate)),
        });
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    }

    fn told(&self, i: u32) -> Value {
        json!({ "line": self.line(i), "operation": self.did(i) })
    }

    /// All that shows that it holds.
    fn whole(&self, witness: &Witness) -> Value {
        let lines = |order: &[u32]| order.iter().map(|i| self.line(*i)).collect::<Vec<u32>>();
        let mut whole = match witness {
            Witness::Reason(_) => json!({}),
            Witness::Order(order) => json!({ "order_of_lines": lines(order) }),
            Witness::Versions(keys) => {
                let value = |v: &u32| {
                    let json = self.history.value(*v);
                    serde_json::from_str(json).unwrap_or_else(|_| Value::from(json))
                };
                let values = |all: &[u32]| all.iter().map(value).collect::<Vec<Value>>();
                let keys = keys.iter();
                let keys =
                    keys.map(|(k, all)| (self.history.key(*k).to_owned(), values(all).into()));
                json!({ "versions": keys.collect::<serde_json::Map<String, Value>>() })
            }
            Witness::NoPattern { patterns, looked_at: [reads, writes, processes], order } => {
                let mut whole = json!({
                    "absent_patterns": patterns,
                    "reads": reads,
                    "writes": writes,
                    "processes": processes,
                });
                if !order.is_empty() {
                    whole["order_of_lines"] = lines(order).into();
                }
                whole
            }
            Witness::LeastVersions(k) => json!({ "least_k": k }),
            Witness::LeastTicks(ticks) => json!({ "least_delta": ticks }),
            Witness::Stalest { read, missed, versions, ticks } => json!({
                "stalest": {
                    "read": self.told(*read),
                    "missed": self.told(*missed),
                    "versions_behind": versions,
                    "ticks_behind": ticks,
                },
            }),
        };
        whole["reason"] = self.witness(witness).into();
        whole
    }
}

/// `2 of 9 reads (22.2 %, 95 % interval 6.3 to 54.7 %) are too stale`.
fn in_words(rate: &Rate, violated: bool) -> String {
    let Rate { hits, of, things, anomaly } = rate;
    let share = match wilson(*hits, *of) {
        None => return format!("no {things} are counted: none could break it by itself"),
        Some(interval) => {
            let percent = |share: f64| {
                let percent = share * 100.0;
                // Three figures or so.
                let places = match percent {
                    10.0.. => 1,
                    1.0.. => 2,
                    0.01.. => 3,
                    _ => 5,
                };
                let digits = format!("{percent:.places$}");
                match digits.trim_end_matches('0').trim_end_matches('.') {
                    "" => "0".to_owned(),
                    short => short.to_owned(),
                }
            };
            format!(
                "{} %, 95 % interval {} to {} %",
                percent(*hits as f64 / *of as f64),
                percent(interval.low),
                percent(interval.high)
            )
        }
    };
    let why = if violated && *hits == 0 { "; only together they break it" } else { "" };
    format!("rate: {hits} of {of} {things} ({share}) {anomaly}{why}")
}

fn as_json(rate: &Rate) -> Value {
    let interval = wilson(rate.hits, rate.of);
    json!({
        "hits": rate.hits,
        "of": rate.of,
        "things": rate.things,
        "anomaly": rate.anomaly,
        "low": interval.map(|interval| interval.low),
        "high": interval.map(|interval| interval.high),
    })
}
