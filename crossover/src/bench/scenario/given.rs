//! Values as a scenario gives them: one, or a list that makes an axis.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

/// One value or several, as text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    texts: Vec<String>,
    is_list: bool,
}

/// A value with its place in the file.
pub(super) type Placed = Spanned<Given>;

/// What is wrong with a scenario, and where.
#[derive(Debug)]
pub(super) struct Problem {
    /// The bytes of the file that are wrong, if they are known.
    pub(super) at: Option<Range<usize>>,
    pub(super) text: String,
}

impl Problem {
    /// Something wrong at a place.
    pub(super) fn at(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { at: Some(at), text: text.into() }
    }

    /// The message, with line and column where the place is known.
    pub(super) fn in_words(&self, file: &str) -> String {
        let Some(at) = &self.at else { return self.text.clone() };
        let before = file.get(..at.start).unwrap_or(file);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        format!("line {line}, column {column}: {}", self.text)
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self { at: None, text }
    }
}

impl Given {
    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.is_list
    }

    /// All its values.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// Reads a single value, named by its key in messages.
pub(super) fn one<T>(
    key: &str,
    placed: &Placed,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Problem> {
    let given = placed.get_ref();
    let in_key = |why: String| Problem::at(placed.span(), format!("{key}: {why}"));
    match &given.texts[..] {
        [text] if !given.is_list => read(text).map_err(in_key),
        _ => Err(in_key("it is one value, not a list".to_owned())),
    }
}

/// Reads a single value if there is one.
pub(super) fn maybe<T>(
    key: &str,
    placed: Option<&Placed>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Problem> {
    placed.map(|placed| one(key, placed, read)).transpose()
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value such as \"20us\" or 16, or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Given, E> {
        Ok(Given { texts: vec![text.to_owned()], is_list: false })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Given, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Given, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Given, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Given, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Given, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element::<Given>()? {
            if item.is_list {
                return Err(de::Error::custom("a list of values holds no lists"));
            }
            texts.extend(item.texts);
        }
        Ok(Given { texts, is_list: true })
    }
}
