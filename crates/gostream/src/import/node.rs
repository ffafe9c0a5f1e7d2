//! A JSON document whose parts know where they stand, so that a mistake is told as `file:line:column: key: what`.

use gostream_library::{HashError, TorrentHash};
use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::config::{Position, strict};

/// A text and where it came from.
#[derive(Debug)]
pub(super) struct Document {
    /// A path, or the address of a server with what was asked.
    pub(super) name: String,
    pub(super) text: String,
}

/// One value of a document.
#[derive(Clone)]
pub(super) struct Node<'a> {
    document: &'a Document,
    /// Its dotted name, empty for the whole.
    key: String,
    value: &'a Value<'a>,
}

impl Document {
    /// Parses the text and has `read` take what it wants from it.
    ///
    /// # Errors
    /// What is wrong and where, for the user.
    pub(super) fn parse<T>(
        &self,
        read: impl FnOnce(Node<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let strict = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            ..strict()
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
            let at = Position::of(text, error.range().start);
            format!(
                "{}:{at}: {}",
                self.name,
                error.kind().to_string().to_lowercase()
            )
        })?;
        let Some(value) = &parsed.value else {
            return Err(format!("{}: is empty", self.name));
        };
        read(Node {
            document: self,
            key: String::new(),
            value,
        })
    }
}

impl<'a> Node<'a> {
    /// The message of a mistake here.
    pub(super) fn mistake(&self, what: &str) -> String {
        let text = &self.document.text;
        let at = Position::of(
            text.strip_prefix('\u{feff}').unwrap_or(text),
            self.value.start(),
        );
        let name = &self.document.name;
        if self.key.is_empty() {
            format!("{name}:{at}: {what}")
        } else {
            format!("{name}:{at}: {}: {what}", self.key)
        }
    }

    /// The members of an object, with their names.
    pub(super) fn members(&self) -> Result<Vec<(&'a str, Node<'a>)>, String> {
        let Value::Object(object) = self.value else {
            return Err(self.mistake("expected an object"));
        };
        let member = |member: &'a ObjectProp<'a>| {
            let name = member.name.as_str();
            (name, self.inner(name, &member.value))
        };
        Ok(object.properties.iter().map(member).collect())
    }

    /// The elements of an array; `null`, which Go writes for an empty one, has none.
    pub(super) fn elements(&self) -> Result<Vec<Node<'a>>, String> {
        match self.value {
            Value::Array(array) => {
                let numbered = array.elements.iter().enumerate();
                Ok(numbered
                    .map(|(number, value)| self.inner(&number.to_string(), value))
                    .collect())
            }
            Value::NullKeyword(_) => Ok(Vec::new()),
            Value::StringLit(_) | Value::NumberLit(_) | Value::BooleanLit(_) | Value::Object(_) => {
                Err(self.mistake("expected an array"))
            }
        }
    }

    /// The member of an object that has this name.
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        let Value::Object(object) = self.value else {
            return None;
        };
        let member = object
            .properties
            .iter()
            .find(|member| member.name.as_str() == name)?;
        Some(self.inner(name, &member.value))
    }

    /// A text of the member; empty if there is none.
    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        let Some(member) = self.get(name) else {
            return Ok(String::new());
        };
        if matches!(member.value, Value::NullKeyword(_)) {
            return Ok(String::new());
        }
        member.as_text()
    }

    /// The info hash in the member `hash`.
    pub(super) fn hash(&self) -> Result<TorrentHash, String> {
        let Some(member) = self.get("hash") else {
            return Err(self.mistake("there is no hash"));
        };
        let hash = member.as_text()?.parse();
        hash.map_err(|error: HashError| member.mistake(&error.to_string()))
    }

    /// This as a text.
    pub(super) fn as_text(&self) -> Result<String, String> {
        let text = self
            .value
            .as_string_lit()
            .map(|text| text.value.to_string());
        text.ok_or_else(|| self.mistake("expected a text"))
    }

    /// A whole number of at least 0 of the member, if there is one.
    pub(super) fn whole(&self, name: &str) -> Result<Option<u64>, String> {
        self.get(name).map(|member| member.as_whole()).transpose()
    }

    /// This as a whole number of at least 0.
    pub(super) fn as_whole(&self) -> Result<u64, String> {
        let parsed = self
            .value
            .as_number_lit()
            .and_then(|number| number.value.parse().ok());
        parsed.ok_or_else(|| self.mistake("expected a whole number that is not negative"))
    }

    /// A number of the member, if there is one.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, String> {
        self.get(name).map(|member| member.as_number()).transpose()
    }

    /// This as a number.
    pub(super) fn as_number(&self) -> Result<f64, String> {
        let parsed = self
            .value
            .as_number_lit()
            .and_then(|number| number.value.parse().ok());
        let finite = parsed.filter(|number: &f64| number.is_finite());
        finite.ok_or_else(|| self.mistake("expected a number"))
    }

    /// This as yes or no.
    pub(super) fn as_flag(&self) -> Result<bool, String> {
        let flag = self.value.as_boolean_lit().map(|flag| flag.value);
        flag.ok_or_else(|| self.mistake("expected true or false"))
    }

    /// Whether this is an array.
    pub(super) fn is_array(&self) -> bool {
        matches!(self.value, Value::Array(_) | Value::NullKeyword(_))
    }

    /// Whether this is an object.
    pub(super) fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// Whether this is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.value, Value::NumberLit(_))
    }

    fn inner(&self, name: &str, value: &'a Value<'a>) -> Self {
        Self {
            document: self.document,
            key: if self.key.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.key)
            },
            value,
        }
    }
}
