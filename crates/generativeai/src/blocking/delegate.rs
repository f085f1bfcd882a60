//! Methods of the blocking types that call their asynchronous counterparts.

/// Defines methods that call the method of the same name of `self.0`.
///
/// `setters` consume the value and return the changed one. Each of the `methods` has its receiver in brackets, and
/// optionally a function for the result: `wait` for a future, or the blocking type that wraps the result.
///
/// ```text
/// delegate! { self: "ChatSession";
///     setters {
///         journal(journal: impl Journal + 'static);
///     }
///     methods {
///         [&self] history() -> &[Content];
///         [&mut self] save() -> Result<()> => wait;
///     }
/// }
/// ```
///
/// The docs of a method end with a link to its counterpart. The methods are listed instead of implementing `Deref`,
/// which would also expose the `async` methods.
macro_rules! delegate {
    ($self:ident: $target:literal;
        $(setters { $($setter:ident($($value:ident: $kind:ty),*);)* })?
        methods { $(
            $(#[$meta:meta])*
            [$($receiver:tt)+] $name:ident($($arg:ident: $type:ty),*) -> $output:ty $(=> $wrap:ident)?;
        )* }
    ) => {
        $($(
            #[doc = concat!("Calls [`", $target, "::", stringify!($setter), "`](crate::", $target, "::",
                stringify!($setter), ").")]
            #[must_use]
            pub fn $setter($self, $($value: $kind),*) -> Self {
                Self($self.0.$setter($($value),*))
            }
        )*)?
        $(
            $(#[$meta])*
            #[doc = concat!("\n\nCalls [`", $target, "::", stringify!($name), "`](crate::", $target, "::",
                stringify!($name), ").")]
            pub fn $name($($receiver)+, $($arg: $type),*) -> $output {
                $($wrap)?($self.0.$name($($arg),*))
            }
        )*
    };
}
pub(super) use delegate;
