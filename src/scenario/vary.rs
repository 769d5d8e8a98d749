//! Axes: one scenario, many variants.
//!
//! An axis replaces values in the parsed document before it is given its meaning. The document is
//! patched as a tree whose every value remembers where it was written, so a value that turns out
//! wrong is reported at its own line under `[[vary]]`, and all other lines stay what they were.

use super::document::OneOrMany;
use super::plan::AxisPoint;
use super::source::Refusal;
use crate::op::unknown;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

type Tree<'i> = Spanned<DeValue<'i>>;

/// More variants than this are a mistake in the axes.
const VARIANTS_MAX: usize = 1_000;

/// One axis, ready to be multiplied with others.
pub(super) struct Axis<'i> {
    name: String,
    unit: String,
    steps: Vec<Step<'i>>,
}

#[derive(Clone)]
struct Step<'i> {
    label: String,
    number: Option<f64>,
    patches: Vec<Patch<'i>>,
}

/// Write this value to that dotted path.
#[derive(Clone)]
struct Patch<'i> {
    path: Spanned<String>,
    value: Tree<'i>,
}

/// One point of the product of all axes.
#[derive(Clone, Default)]
pub(super) struct Variant<'i> {
    /// Axis, value, unit.
    parts: Vec<(String, String, String)>,
    /// Where it stands on the first axis whose values are numbers.
    pub(super) axis: Option<AxisPoint>,
    patches: Vec<Patch<'i>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: Spanned<String>,
    unit: Option<Spanned<String>>,
    set: Option<Spanned<OneOrMany>>,
    /// Taken out before; listed so that a misspelled `values` finds it.
    #[serde(rename = "values")]
    _values: Option<IgnoredAny>,
}

/// Takes `[[vary]]` out of the document.
pub(super) fn take_axes<'i>(root: &mut DeTable<'i>) -> Result<Vec<Axis<'i>>, Refusal> {
    let Some(vary) = root.remove("vary") else { return Ok(Vec::new()) };
    let span = vary.span();
    let DeValue::Array(entries) = vary.into_inner() else {
        return Err(Refusal::at(span, "vary must be a list of tables; write it as [[vary]]"));
    };
    let axes = entries.into_iter().map(axis).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    for axis in &axes {
        if !names.insert(&axis.name) {
            return Err(Refusal::at(span, format!("two axes are named {}", axis.name)));
        }
    }
    let count = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(axis.steps.len()));
    if count.is_none_or(|n| n > VARIANTS_MAX) {
        let message = format!("the axes multiply to more than {VARIANTS_MAX} variants");
        return Err(Refusal::at(span, message));
    }
    Ok(axes)
}

fn axis(entry: Tree<'_>) -> Result<Axis<'_>, Refusal> {
    let span = entry.span();
    let DeValue::Table(mut table) = entry.into_inner() else {
        return Err(Refusal::at(span, "an axis must be a table with name and values"));
    };
    let values = table.remove("values");
    let head = Head::deserialize(ValueDeserializer::from(Spanned::new(
        span.clone(),
        DeValue::Table(table),
    )))?;
    label_is_fit("an axis", head.name.get_ref())
        .map_err(|message| Refusal::at(head.name.span(), message))?;
    let Some(values) = values else {
        return Err(Refusal::at(span, format!("axis {} lacks `values`", head.name.get_ref())));
    };
    let targets = head.set.map(|set| {
        let at = set.span();
        match set.into_inner() {
            OneOrMany::One(path) => vec![Spanned::new(at, path)],
            OneOrMany::Many(paths) => paths,
        }
    });
    let at = values.span();
    let steps = match values.into_inner() {
        DeValue::Array(list) => {
            let Some(targets) = targets else {
                return Err(Refusal::at(at, "a list of values needs `set`, the path they go to"));
            };
            list.into_iter().map(|value| plain_step(&value, &targets)).collect()
        }
        DeValue::Table(named) => named_steps(named, targets.as_deref()),
        _ => return Err(Refusal::at(at, "values must be a list, or a table of named values")),
    };
    let axis = Axis {
        name: head.name.into_inner(),
        unit: head.unit.map(Spanned::into_inner).unwrap_or_default(),
        steps: steps?,
    };
    distinct(axis, at)
}

fn distinct(axis: Axis<'_>, at: Range<usize>) -> Result<Axis<'_>, Refusal> {
    if axis.steps.is_empty() {
        return Err(Refusal::at(
            at,
            format!("axis {} has no values; give at least one", axis.name),
        ));
    }
    let mut labels = BTreeSet::new();
    for step in &axis.steps {
        if !labels.insert(&step.label) {
            let message = format!("axis {} has the value {} twice", axis.name, step.label);
            return Err(Refusal::at(at, message));
        }
    }
    Ok(axis)
}

/// A value that is its own label.
fn plain_step<'i>(value: &Tree<'i>, targets: &[Spanned<String>]) -> Result<Step<'i>, Refusal> {
    let (label, number) = match value.get_ref() {
        DeValue::String(text) => (text.to_string(), None),
        DeValue::Integer(_) | DeValue::Float(_) => {
            let number = f64::deserialize(ValueDeserializer::from(value.clone()))?;
            if !number.is_finite() {
                return Err(Refusal::at(value.span(), "an axis value must be a finite number"));
            }
            (number.to_string(), Some(number))
        }
        DeValue::Boolean(flag) => (flag.to_string(), None),
        _ => {
            let message = "lists and tables have no name of their own; write \
                           values = { some-name = ... }";
            return Err(Refusal::at(value.span(), message));
        }
    };
    label_is_fit("an axis value", &label).map_err(|message| Refusal::at(value.span(), message))?;
    let patches =
        targets.iter().map(|path| Patch { path: path.clone(), value: value.clone() }).collect();
    Ok(Step { label, number, patches })
}

/// Named values, in the order of the text: with `set` each is written there; without, each is a
/// table from paths to values.
fn named_steps<'i>(
    named: DeTable<'i>,
    targets: Option<&[Spanned<String>]>,
) -> Result<Vec<Step<'i>>, Refusal> {
    let mut entries: Vec<_> = named.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let step = |(key, value): (Spanned<Cow<'i, str>>, Tree<'i>)| {
        let label = key.get_ref().to_string();
        label_is_fit("an axis value", &label).map_err(|m| Refusal::at(key.span(), m))?;
        let number = label.parse().ok().filter(|number: &f64| number.is_finite());
        let patches = match (targets, value.get_ref()) {
            (Some(paths), _) => paths
                .iter()
                .map(|path| Patch { path: path.clone(), value: value.clone() })
                .collect(),
            (None, DeValue::Table(patches)) => patches
                .iter()
                .map(|(path, value)| {
                    let written = Spanned::new(path.span(), path.get_ref().to_string());
                    Patch { path: written, value: value.clone() }
                })
                .collect(),
            _ => {
                let message = "without `set`, a named value must be a table from quoted paths to \
                               values, as in { \"workload.ycsb\" = \"A\" }";
                return Err(Refusal::at(value.span(), message));
            }
        };
        Ok(Step { label, number, patches })
    };
    entries.into_iter().map(step).collect()
}

/// Labels become parts of cell names, which `/` and `,` divide.
pub(super) fn label_is_fit(what: &str, label: &str) -> Result<(), String> {
    let fits = !label.is_empty()
        && !label.contains(|c: char| c == '/' || c == ',' || c.is_whitespace() || c.is_control());
    if fits {
        return Ok(());
    }
    Err(format!("{what} is named `{label}`; a name needs letters and no `/`, `,` or space"))
}

/// All points, the last axis running fastest; one point without any axis.
pub(super) fn variants<'i>(axes: &[Axis<'i>]) -> Vec<Variant<'i>> {
    let numeric = axes.iter().position(|axis| axis.steps.iter().all(|s| s.number.is_some()));
    let mut variants = vec![Variant::default()];
    for (number, axis) in axes.iter().enumerate() {
        let extended = variants.iter().flat_map(|variant| {
            axis.steps.iter().map(move |step| {
                let mut variant = variant.clone();
                variant.parts.push((axis.name.clone(), step.label.clone(), axis.unit.clone()));
                if let (true, Some(at)) = (numeric == Some(number), step.number) {
                    let (axis, unit) = (axis.name.clone(), axis.unit.clone());
                    variant.axis = Some(AxisPoint { axis, unit, at });
                }
                variant.patches.extend(step.patches.iter().cloned());
                variant
            })
        });
        variants = extended.collect();
    }
    variants
}

impl<'i> Variant<'i> {
    /// `rtt=50ms,disk=1ms`; a unit with a `/` would divide the cell's name and is left out. Values
    /// that are names of regions are passed through `rename`.
    pub(super) fn label(&self, rename: impl Fn(&str) -> String) -> String {
        let part = |(axis, value, unit): &(String, String, String)| {
            let unit = if unit.contains('/') { "" } else { unit };
            format!("{axis}={}{unit}", rename(value))
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(",")
    }

    /// The document with this variant's values written into it.
    pub(super) fn apply(&self, root: &Tree<'i>) -> Result<Tree<'i>, Refusal> {
        let mut patched = root.clone();
        for Patch { path, value } in &self.patches {
            let steps: Vec<&str> = path.get_ref().split('.').map(str::trim).collect();
            write(&mut patched, &steps, value)
                .map_err(|message| Refusal::at(path.span(), message))?;
        }
        Ok(patched)
    }
}

/// Writes `value` at `path` below `tree`, making tables on the way where there are none.
fn write<'i>(tree: &mut Tree<'i>, path: &[&str], value: &Tree<'i>) -> Result<(), String> {
    let Some((step, rest)) = path.split_first() else {
        *tree = value.clone();
        return Ok(());
    };
    match tree.get_mut() {
        DeValue::Table(table) => {
            if step.is_empty() {
                return Err("a path must be names with dots between them".to_owned());
            }
            let key = Spanned::new(value.span(), Cow::Owned((*step).to_owned()));
            let fresh = || Spanned::new(value.span(), DeValue::Table(DeTable::new()));
            write(table.entry(key).or_insert_with(fresh), rest, value)
        }
        DeValue::Array(list) => {
            let names: Vec<Option<String>> = list.iter().map(name_of).collect();
            let chosen = |index: usize, name: Option<&str>| {
                *step == "*" || step.parse() == Ok(index) || name == Some(*step)
            };
            let mut written = false;
            for (index, element) in list.iter_mut().enumerate() {
                if chosen(index, names[index].as_deref()) {
                    write(element, rest, value)?;
                    written = true;
                }
            }
            if written {
                return Ok(());
            }
            let known = names.iter().flatten().map(String::as_str);
            Err(format!("{} (or a number from 0, or `*`)", unknown("list entry", step, known)))
        }
        _ => Err(format!("the path goes on with `{step}`, but what it has reached is no table")),
    }
}

/// What an entry of a list is called: its `name`, or else, for a mode, its `protocol`.
fn name_of(entry: &Tree<'_>) -> Option<String> {
    let table = entry.get_ref().as_table()?;
    let name = table.get("name").or_else(|| table.get("protocol"))?;
    name.get_ref().as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut root = DeTable::parse(text).expect("is TOML");
        let axes = take_axes(root.get_mut()).map_err(|r| r.message)?;
        let span = root.span();
        let root = Spanned::new(span, DeValue::Table(root.into_inner()));
        let print = |variant: Variant<'_>| {
            let tree = variant.apply(&root).map_err(|r| r.message)?;
            let value = toml::Table::deserialize(ValueDeserializer::from(tree)).unwrap();
            Ok((variant.label(str::to_owned), value.to_string().trim().replace('\n', "; ")))
        };
        variants(&axes).into_iter().map(print).collect()
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn no_axis_is_one_variant() {
        assert_eq!(expand("a = 1").unwrap(), [pair("", "a = 1")]);
    }

    #[test]
    fn axes_multiply_and_the_last_runs_fastest() {
        let text = "a = 0\nb = 0\n\
                    [[vary]]\nname = 'x'\nunit = 'ms'\nvalues = [1, 2.50]\nset = 'a'\n\
                    [[vary]]\nname = 'y'\nunit = 'op/s'\nvalues = [7, 8]\nset = ['b', 'c.d']\n";
        let labels: Vec<String> = expand(text).unwrap().into_iter().map(|v| v.0).collect();
        assert_eq!(labels, ["x=1ms,y=7", "x=1ms,y=8", "x=2.5ms,y=7", "x=2.5ms,y=8"]);
        assert_eq!(
            expand(text).unwrap()[3].1,
            "a = 2.50; b = 8; ; [c]; d = 8".replace("2.50", "2.5")
        );
    }

    #[test]
    fn named_values_keep_the_order_of_the_text() {
        let text = "a = 0\n[vary_]\n[[vary]]\nname = 'x'\n[vary.values.zebra]\n\"a\" = 1\n\
                    [vary.values.ape]\n\"a\" = 2\n";
        let found = expand(text).unwrap();
        assert_eq!(found[0].0, "x=zebra");
        assert_eq!(found[1].0, "x=ape");
        let set = "j = 0\n[[vary]]\nname = 'j'\nset = 'j'\nvalues = { none = 0, some = { n = 1 } }";
        assert_eq!(expand(set).unwrap()[0], pair("j=none", "j = 0"));
        assert_eq!(expand(set).unwrap()[1], pair("j=some", "[j]; n = 1"));
    }

    #[test]
    fn lists_are_reached_by_name_number_or_star() {
        let modes = "[[modes]]\nname = 'a'\n[[modes]]\nprotocol = 'raft'\n";
        for (path, first, second) in
            [("modes.a.x", 1, 0), ("modes.raft.x", 0, 1), ("modes.1.x", 0, 1), ("modes.*.x", 1, 1)]
        {
            let text = format!("{modes}[[vary]]\nname = 'v'\nvalues = [1]\nset = '{path}'\n");
            let tree = &expand(&text).unwrap()[0].1;
            let count = tree.matches("x = 1").count();
            assert_eq!(count, first + second, "{path}: {tree}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let axis = "[[vary]]\nname = 'v'\n";
        for (text, expected) in [
            ("vary = 3", "vary must be a list"),
            ("[[vary]]\nvalues = [1]\nset = 'a'", "missing key `name`"),
            (&format!("{axis}set = 'a'"), "axis v lacks `values`"),
            (&format!("{axis}values = [1]"), "needs `set`"),
            (&format!("{axis}values = []\nset = 'a'"), "has no values"),
            (&format!("{axis}values = [1, 1.0]\nset = 'a'"), "has the value 1 twice"),
            (&format!("{axis}values = [[1]]\nset = 'a'"), "no name of their own"),
            (&format!("{axis}values = ['a/b']\nset = 'a'"), "no `/`"),
            (&format!("{axis}values = [nan]\nset = 'a'"), "finite"),
            (&format!("{axis}valeus = [1]\nset = 'a'"), "did you mean `values`"),
            (&format!("{axis}values = {{ a = 1 }}"), "quoted paths"),
            (&format!("a = 1\n{axis}values = [1]\nset = 'a.b'"), "is no table"),
            (&format!("{axis}values = [1]\nset = 'a..b'"), "with dots between"),
            (&format!("{axis}values = [1]\nset = 'b'\n{axis}values = [1]\nset = 'c'"), "two axes"),
            (&format!("m = [{{ name = 'up' }}]\n{axis}values = [1]\nset = 'm.op.x'"), "`up`"),
        ] {
            let message = expand(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
