//! Macros that define the data types of the API: `message!` and `open_enum!`.

/// Defines a message of the API: plain data with public fields, each of which may be absent.
///
/// A field is an `Option`, a `Vec` or [`Contents`](crate::protocol::content::Contents); anything that
/// implements [`Member`](crate::protocol::wire::Member) works. The macro derives `Default`, `Clone` and `PartialEq`,
/// adds the field `unknown`, and implements setters, reading, writing, overwriting and `Debug`:
///
/// - A field `finish_reason` is written as `finishReason`, and read under both names.
/// - Absent fields are not written, and not shown by `Debug`. `null` is read as absent.
/// - Members without a field are stored in `unknown`, and written again.
/// - `=>` after a field adds a setter, named after the field, for messages that callers write.
///
/// Large fields that are usually absent are boxed, so that they do not enlarge each message.
///
/// | Setter | Argument |
/// | --- | --- |
/// | `plain` | the value |
/// | `into` | anything that converts into the value, which the field may contain in a box |
/// | `list` | iterator of items, which replace the whole list |
/// | `map` | iterator of pairs of a name and a value, which replace the whole map |
///
/// # Reading in place
///
/// A message is read into the place where it stays, member by member. A reader that returned the message
/// by value would copy a candidate of 330 bytes once for each level of nesting; for a streamed chunk that
/// was a third of the work. The place is chosen by a closure, `put`,
/// which stores a value and returns a reference to it. Reading `{"candidates":[{"index":1}]}` runs
///
/// 1. `GenerateContentResponse::read_member`, which is at the value of `candidates` and passes the
///    field, a `Vec<Candidate>`, to the reader of lists;
/// 2. `Candidate::push(list, reader)` for the one item, which calls `push_messages`;
/// 3. `list.push_mut(Candidate::default())`, so that an empty candidate is in the list. `index` is then read into
///    the reference that `push_mut` returned.
///
/// For an `Option<T>` the closure is `|value| field.insert(value)`, for a `Box<T>` it is
/// `|value| &mut **put(Box::new(value))`, which allocates the box before its content is read.
///
/// # Unions
///
/// A message may have one union, like a `oneof` of Protocol Buffers: a field with an enum, each variant of which is a
/// member with its own name in JSON. The method `read_union` of the message reads these members. `Part` has a union.
///
/// # Example
///
/// A new member is one line here, from which its name in JSON follows. Requests, replies and parts need more:
/// CONTRIBUTING.md lists the places.
///
/// ```ignore
/// message! {
///     /// Period of time. An absent end is open.
///     pub struct Interval {
///         /// Start of the period, included.
///         pub start_time: Option<Timestamp> => into Timestamp,
///     }
/// }
/// ```
macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(union {
                $(#[$union_meta:meta])*
                pub $union:ident: Option<$data:ident>,
                $($kind:ident = $kind_name:literal,)*
            })?
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty $(=> $setter:ident $value:ty)?,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[$union_meta])*
                pub $union: Option<$data>,
            )?
            $(
                $(#[$field_meta])*
                pub $field: $type,
            )*
            /// Members without a field in this version. They are kept, and written again.
            pub unknown: $crate::protocol::Unknown,
        }

        setters!($name { $($($setter $field: $value,)?)* });

        // A separate scope: several messages in a module would define `Index` and the import twice.
        const _: () = {
            use $crate::protocol::wire;

            /// Indices of the members in `NAMES`.
            // `macro_rules!` cannot number its repetitions, but the discriminants of an enum count.
            #[allow(dead_code, non_camel_case_types, reason = "the variants have the names of the fields")]
            enum Index {
                $($($kind,)*)?
                $($field,)*
            }

            #[allow(unused_variables, reason = "a message may have no fields")]
            impl wire::Message for $name {
                const TYPE: &'static str = stringify!($name);
                const NAMES: &'static [&'static str] = &[
                    $($($kind_name,)*)?
                    $({
                        const NAME: &wire::CamelCase = &wire::CamelCase::of(stringify!($field));
                        NAME.as_str()
                    },)*
                ];
                // A string represents a message with a union. Histories of Python's SDK contain parts in this form:
                // `{"role": "user", "parts": ["Hello"]}`.
                $(const FROM_TEXT: Option<fn(String) -> Self> = Some(|text| $data::from(text).into());)?

                fn write_members<M: ::serde::ser::SerializeMap>(
                    &self,
                    map: &mut M,
                ) -> Result<(), M::Error> {
                    $(match &self.$union {
                        $(Some($data::$kind(data)) => map.serialize_entry($kind_name, data)?,)*
                        None => {}
                    })?
                    $(wire::write_value(map, Self::NAMES[Index::$field as usize], &self.$field)?;)*
                    Ok(())
                }

                fn overwrite(&mut self, newer: &Self) {
                    $(if newer.$union.is_some() {
                        self.$union.clone_from(&newer.$union);
                    })?
                    $(if !wire::Member::is_absent(&newer.$field) {
                        self.$field.clone_from(&newer.$field);
                    })*
                    self.unknown.extend(&newer.unknown);
                }
            }

            impl wire::Fields for $name {
                #[allow(unused_variables, reason = "a message may have no fields")]
                fn read_member(
                    &mut self,
                    index: usize,
                    reader: &mut wire::Reader<'_>,
                ) -> wire::Result<()> {
                    match index {
                        $($(index if index == Index::$kind as usize => {
                            self.read_union(reader, $kind_name, $data::$kind)
                        })*)?
                        $(index if index == Index::$field as usize => wire::Member::read(&mut self.$field, reader),)*
                        _ => unreachable!("an index is a position in `NAMES`"),
                    }
                }

                fn unknown(&self) -> &$crate::protocol::Unknown {
                    &self.unknown
                }

                fn unknown_mut(&mut self) -> &mut $crate::protocol::Unknown {
                    &mut self.unknown
                }
            }

            impl wire::Wire for $name {
                fn read(reader: &mut wire::Reader<'_>) -> wire::Result<Self> {
                    let mut message = Self::default();
                    wire::read_message(&mut message, reader)?;
                    Ok(message)
                }

                fn read_into<'place>(
                    put: impl FnOnce(Self) -> &'place mut Self,
                    reader: &mut wire::Reader<'_>,
                ) -> wire::Result<()> {
                    wire::read_message(put(Self::default()), reader)
                }

                fn push(list: &mut Vec<Self>, reader: &mut wire::Reader<'_>) -> wire::Result<()> {
                    wire::push_messages(list, reader)
                }
            }
        };

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::protocol::wire::write_message(self, serializer)
            }
        }

        wire_deserialize!($name);

        /// Shows the fields that are present.
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::protocol::wire::DebugMessage::new(f, stringify!($name))
                    $(.value(stringify!($union), self.$union.as_ref().map(|data| data as &dyn ::std::fmt::Debug)))?
                    $(.member(stringify!($field), &self.$field))*
                    .finish(&self.unknown)
            }
        }

        $(impl $data {
            /// Returns the name of the kind in the API: `text`, `functionCall` and so on.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $kind_name,)*
                }
            }
        })?
    };
}

/// Implements serde's `Deserialize` for a type that implements `Wire`.
macro_rules! wire_deserialize {
    ($name:ident) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::protocol::wire::deserialize(deserializer)
            }
        }

        impl $crate::protocol::ReadJson for $name {}
    };
}

/// Defines the setters of a message: a part of `message!`, which lists the kinds.
macro_rules! setters {
    // No empty `impl` block in the docs.
    ($name:ident {}) => {};
    ($name:ident { $($kind:ident $field:ident: $type:ty,)* }) => {
        impl $name {
            $(setters!(@$kind $field: $type);)*
        }
    };
    (@plain $field:ident: $type:ty) => {
        #[doc = setters!(@doc $field)]
        #[must_use]
        pub fn $field(mut self, value: $type) -> Self {
            self.$field = Some(value);
            self
        }
    };
    (@into $field:ident: $type:ty) => {
        #[doc = setters!(@doc $field)]
        #[must_use]
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            let value: $type = value.into();
            // Converts into itself or into a box.
            self.$field = Some(value.into());
            self
        }
    };
    (@list $field:ident: $type:ty) => {
        #[doc = setters!(@doc $field)]
        #[must_use]
        pub fn $field(mut self, values: impl IntoIterator<Item = impl Into<$type>>) -> Self {
            self.$field = values.into_iter().map(Into::into).collect();
            self
        }
    };
    (@map $field:ident: $type:ty) => {
        #[doc = setters!(@doc $field)]
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
    // rustdoc does not resolve links to raw identifiers.
    (@doc r#type) => {
        "Sets `type`."
    };
    (@doc r#ref) => {
        "Sets `$ref`."
    };
    (@doc r#enum) => {
        "Sets `enum`."
    };
    (@doc $field:ident) => {
        concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")
    };
}

/// Defines an enum that the service may extend: an unknown value is kept as text.
///
/// The variants before `;` are in the order of their numbers on the wire, starting at 0. Variants after
/// `;` have a name only. An enum that has only such variants is a string on the wire, never a number.
/// `|` adds a spelling that is read but never written. Names are read in any case.
///
/// ```ignore
/// open_enum! {
///     /// Kind of data in a reply.
///     pub enum ResponseModality {
///         /// The default of the model.          (0 on the wire of Protocol Buffers)
///         Unspecified = "MODALITY_UNSPECIFIED",
///         /// Text.                              (1)
///         Text = "TEXT",
///         ;
///         /// Video.                             (a name only)
///         Video = "VIDEO",
///     }
/// }
/// ```
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
            /// A value without a variant in this version, as it was received; a number in decimal
            /// digits. It is written again unchanged.
            Unknown(String),
        }

        impl $name {
            /// Returns the name of the value in the API.
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
            const NAMED: &'static [(&'static str, Self)] = &[
                $(($text, Self::$variant), $(($alias, Self::$variant),)*)*
                $($(($named_text, Self::$named),)*)?
            ];

            fn known(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
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

        impl $crate::protocol::wire::Wire for $name {
            fn read(
                reader: &mut $crate::protocol::wire::Reader<'_>,
            ) -> $crate::protocol::wire::Result<Self> {
                $crate::protocol::wire::read_enum(reader)
            }
        }

        wire_deserialize!($name);

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
    };
}
