//! Members of a message without a field in this version, which are kept and written again.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Members of a message without a field in this version. They are kept, and written again.
///
/// The API often gains members, and some must be sent back with the history. A program can read them here before this
/// crate has a field for them, and a history that is stored or sent again does not lose them.
///
/// An empty value, which is the usual case, has the size of a pointer and does not allocate.
///
/// ```
/// use generativeai::protocol::content::Content;
///
/// let content: Content = serde_json::from_str(r#"{"role":"model","mood":"cheerful"}"#)?;
/// assert_eq!(content.unknown.get("mood").and_then(|mood| mood.as_str()), Some("cheerful"));
/// assert_eq!(serde_json::to_string(&content)?, r#"{"role":"model","mood":"cheerful"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Unknown(Option<Box<Map<String, Value>>>);

impl Unknown {
    /// Returns whether the message has only known members.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|members| members.is_empty())
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |members| members.len())
    }

    /// Returns the member with this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }

    /// Iterates over names and values, in the order they were read.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|members| members.iter())
    }

    /// Adds a member. Returns the previous value of a member with this name.
    ///
    /// Use this to send a member that is newer than this version. Do not use the name of a field of the message: the
    /// JSON would contain the member twice.
    ///
    /// ```
    /// use generativeai::protocol::config::GenerationConfig;
    ///
    /// let mut config = GenerationConfig::default().temperature(0.2);
    /// config.unknown.insert("brandNew", true);
    /// assert_eq!(serde_json::to_string(&config)?, r#"{"temperature":0.2,"brandNew":true}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.members_mut().insert(name.into(), value.into())
    }

    /// Returns the members, to which a reader adds those that it does not know.
    pub(in crate::protocol) fn members_mut(&mut self) -> &mut Map<String, Value> {
        self.0.get_or_insert_default()
    }

    /// Adds the members of `more`, which replace those with the same names: how to merge them is not known.
    pub(crate) fn extend(&mut self, more: &Self) {
        for (name, value) in more.iter() {
            self.insert(name.as_str(), value.clone());
        }
    }

    /// Removes a member, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        // `Map::remove` would move the last member into the gap.
        self.0.as_mut()?.shift_remove(name)
    }
}

// Not derived: after the last member was removed, an empty map remains, which has to equal `None`.
impl PartialEq for Unknown {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.is_empty() && other.is_empty(),
        }
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Ok(Self((!members.is_empty()).then(|| Box::new(members))))
    }
}
