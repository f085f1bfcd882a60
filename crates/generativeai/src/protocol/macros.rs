//! The three macros that write a model type: a message, its setters, an open enum.

/// A message of the API: plain data with public fields, every one of which may be absent.
///
/// An absent member is not written, nor shown by `Debug`; `null` reads as absent;
/// members that are not known are kept in `unknown` and written again.
macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[$field_meta])*
                pub $field: $type,
            )*
            /// Members this version does not know, kept and sent again.
            pub unknown: $crate::protocol::Unknown,
        }

        const _: () = {
            use $crate::protocol::wire;

            /// The places of the members.
            #[allow(dead_code, non_camel_case_types, reason = "they are the names of fields, if there are any")]
            enum At {
                $($field,)*
            }

            #[allow(unused_variables, reason = "a message may have no members")]
            impl wire::Message for $name {
                const TYPE: &'static str = stringify!($name);
                const NAMES: &'static [&'static str] = &[$({
                    const NAME: &wire::CamelCase = &wire::CamelCase::of(stringify!($field));
                    NAME.as_str()
                }),*];

                fn read_member<'de, A: ::serde::de::MapAccess<'de>>(
                    &mut self,
                    at: usize,
                    map: &mut A,
                ) -> Result<(), A::Error> {
                    match at {
                        $(at if at == At::$field as usize => wire::read_value(&mut self.$field, map),)*
                        _ => unreachable!("a name has its place among all"),
                    }
                }

                fn write_members<M: ::serde::ser::SerializeMap>(
                    &self,
                    map: &mut M,
                ) -> Result<(), M::Error> {
                    $(wire::write_value(map, Self::NAMES[At::$field as usize], &self.$field)?;)*
                    Ok(())
                }

                fn unknown(&mut self) -> &mut $crate::protocol::Unknown {
                    &mut self.unknown
                }
            }

            impl ::serde::Serialize for $name {
                fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    wire::write_message(self, &self.unknown, serializer)
                }
            }

            impl<'de> ::serde::Deserialize<'de> for $name {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    wire::read_message(deserializer)
                }
            }

            impl wire::Wire for $name {
                fn read_into<'de, 'place, D: ::serde::Deserializer<'de>>(
                    put: impl FnOnce(Self) -> &'place mut Self,
                    deserializer: D,
                ) -> Result<(), D::Error> {
                    wire::read_message_into(put, deserializer)
                }
            }
        };

        /// Shows what is there.
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::protocol::wire::Shown::new(f, stringify!($name))
                    $(.member(stringify!($field), &self.$field))*
                    .finish(&self.unknown)
            }
        }
    };
}

/// Setters named after the fields, for messages that callers write.
///
/// `plain` takes the value as it is, `into` whatever turns into it, `boxed` the same and boxes it,
/// `list` everything that can be gone through, `map` pairs of a name and a value.
macro_rules! setters {
    ($name:ident { $($kind:ident $field:ident: $type:ty,)* }) => {
        impl $name {
            $(setters!(@$kind $field: $type);)*
        }
    };
    (@plain $field:ident: $type:ty) => {
        /// Sets the field of the same name.
        #[must_use]
        pub fn $field(mut self, value: $type) -> Self {
            self.$field = Some(value);
            self
        }
    };
    (@into $field:ident: $type:ty) => {
        /// Sets the field of the same name.
        #[must_use]
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            self.$field = Some(value.into());
            self
        }
    };
    (@boxed $field:ident: $type:ty) => {
        /// Sets the field of the same name.
        #[must_use]
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            self.$field = Some(Box::new(value.into()));
            self
        }
    };
    (@list $field:ident: $type:ty) => {
        /// Sets the field of the same name.
        #[must_use]
        pub fn $field(mut self, values: impl IntoIterator<Item = impl Into<$type>>) -> Self {
            self.$field = values.into_iter().map(Into::into).collect();
            self
        }
    };
    (@map $field:ident: $type:ty) => {
        /// Sets the field of the same name.
        #[must_use]
        pub fn $field(
            mut self,
            entries: impl IntoIterator<Item = (impl Into<String>, impl Into<$type>)>,
        ) -> Self {
            let entries = entries.into_iter().map(|(name, value)| (name.into(), value.into()));
            self.$field = Some(entries.collect());
            self
        }
    };
}

/// An enum of the API that the service may extend: a value that is not known is kept as it came.
///
/// The variants before `;` stand in the order of their wire numbers; those after it have a name only,
/// and where there are only such, the value is a mere string. `|` adds a spelling that is read, and never written.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal $(| $alias:literal)*,)*
            $(; $($(#[$named_meta:meta])* $named:ident = $named_text:literal,)*)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            $($($(#[$named_meta])* $named,)*)?
            /// A value this version does not know, kept as it came; a number in decimal digits.
            Unknown(String),
        }

        impl $name {
            /// The value as the service writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    $($(Self::$named => $named_text,)*)?
                    Self::Unknown(text) => text,
                }
            }
        }

        impl $crate::protocol::wire::OpenEnum for $name {
            const NUMBERED: &'static [Self] = &[$(Self::$variant,)*];

            fn known(text: &str) -> Option<Self> {
                match text {
                    $($text $(| $alias)* => Some(Self::$variant),)*
                    $($($named_text => Some(Self::$named),)*)?
                    _ => None,
                }
            }

            fn unknown(text: String) -> Self {
                Self::Unknown(text)
            }

            fn text(&self) -> &str {
                self.as_str()
            }
        }

        impl $crate::protocol::wire::Wire for $name {}

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $crate::protocol::wire::OpenEnum::open(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                $crate::protocol::wire::OpenEnum::open(text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::protocol::wire::write_enum(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::protocol::wire::read_enum(deserializer)
            }
        }
    };
}
