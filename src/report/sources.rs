//! Where round trips come from: a long text stands once at the foot of the page, and sections cite it.

use super::ScenarioNote;
use super::html::escape;

/// The texts at the foot of the page.
#[derive(Default)]
pub(super) struct Sources<'a>(Vec<&'a str>);

impl<'a> Sources<'a> {
    /// Those of several sentences, each once.
    pub(super) fn new(notes: impl Iterator<Item = &'a ScenarioNote>) -> Self {
        let mut texts: Vec<&'a str> = Vec::new();
        for note in notes {
            if note.provenance.contains(". ") && !texts.contains(&note.provenance.as_str()) {
                texts.push(&note.provenance);
            }
        }
        Self(texts)
    }

    /// In the order of their numbers, from 1.
    pub(super) fn texts(&self) -> &[&'a str] {
        &self.0
    }

    /// The first sentence, and where the rest is.
    pub(super) fn cite(&self, text: &str) -> String {
        match self.0.iter().position(|t| *t == text) {
            Some(i) => {
                let first = text.split_once(". ").map_or(text, |t| t.0);
                format!("{}. <a href=\"#source-{}\">Source</a>", escape(first), i + 1)
            }
            None => escape(text),
        }
    }
}
