//! A member of a message: one value that may be absent, or a list.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A value that stands in a message, in its JSON form.
pub(crate) trait Wire: fmt::Debug + Serialize + DeserializeOwned {
    /// Reads the value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    /// Reads the value into its place, where `put` puts it: a large one is put there first, and read
    /// member by member.
    fn read_into<'de, 'place, D: Deserializer<'de>>(
        put: impl FnOnce(Self) -> &'place mut Self,
        deserializer: D,
    ) -> Result<(), D::Error>
    where
        Self: 'place,
    {
        put(Self::read(deserializer)?);
        Ok(())
    }

    /// Writes the value.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    /// What `null` means, if it is not the same as absent.
    fn from_null() -> Option<Self> {
        None
    }
}

impl Wire for bool {}
impl Wire for String {}
impl Wire for Map<String, Value> {}
impl Wire for BTreeMap<String, String> {}

impl Wire for Value {
    fn from_null() -> Option<Self> {
        Some(Self::Null)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Box::new)
    }

    fn read_into<'de, 'place, D: Deserializer<'de>>(
        put: impl FnOnce(Self) -> &'place mut Self,
        deserializer: D,
    ) -> Result<(), D::Error>
    where
        Self: 'place,
    {
        T::read_into(|value| &mut **put(Box::new(value)), deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write(self, serializer)
    }

    fn from_null() -> Option<Self> {
        T::from_null().map(Box::new)
    }
}

/// A field of a message.
pub(crate) trait Member: Sized {
    /// Reads the value, which takes the place of the one that was there.
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    fn is_absent(&self) -> bool;

    /// The value to show to developers, unless it is absent.
    fn shown(&self) -> Option<&dyn fmt::Debug>;
}

impl<T: Wire> Member for Option<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(OneVisitor(self))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn shown(&self) -> Option<&dyn fmt::Debug> {
        self.as_ref().map(|value| value as &dyn fmt::Debug)
    }
}

impl<T: Wire> Member for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        self.clear();
        deserializer.deserialize_option(ListVisitor(self))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(ItemValue))
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn shown(&self) -> Option<&dyn fmt::Debug> {
        (!self.is_empty()).then_some(self as &dyn fmt::Debug)
    }
}

struct ItemValue<'a, T>(&'a T);

impl<T: Wire> Serialize for ItemValue<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

struct OneVisitor<'a, T>(&'a mut Option<T>);

impl<'de, T: Wire> Visitor<'de> for OneVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        *self.0 = T::from_null();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        T::read_into(|value| self.0.insert(value), deserializer)
    }
}

struct ListVisitor<'a, T>(&'a mut Vec<T>);

impl<'de, T: Wire> Visitor<'de> for ListVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Item(self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads one more item of a list.
struct Item<'a, T>(&'a mut Vec<T>);

impl<'de, T: Wire> DeserializeSeed<'de> for Item<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(list) = self;
        if list.is_empty() {
            // Most lists of a chunk have one item, and a vector would make room for four.
            list.reserve_exact(1);
        }
        T::read_into(|item| list.push_mut(item), deserializer)
    }
}
