//! Methods of the blocking types that call their asynchronous counterparts.

/// Defines methods that call the method of the same name of `self.0`, for each kind of receiver.
///
/// The methods are listed instead of implementing `Deref`, which would also expose the `async` methods.
macro_rules! delegate {
    ($target:ident: self { $($name:ident($($arg:ident: $type:ty),*);)* } $($rest:tt)*) => {
        $(
            #[doc = concat!("Calls [`", stringify!($target), "::", stringify!($name), "`](crate::",
                stringify!($target), "::", stringify!($name), ").")]
            #[must_use]
            pub fn $name(self, $($arg: $type),*) -> Self {
                Self(self.0.$name($($arg),*))
            }
        )*
        $crate::blocking::delegate::delegate!($target: $($rest)*);
    };
    ($target:ident: &self { $($name:ident($($arg:ident: $type:ty),*) -> $output:ty;)* } $($rest:tt)*) => {
        $(
            #[doc = concat!("Calls [`", stringify!($target), "::", stringify!($name), "`](crate::",
                stringify!($target), "::", stringify!($name), ").")]
            pub fn $name(&self, $($arg: $type),*) -> $output {
                self.0.$name($($arg),*)
            }
        )*
        $crate::blocking::delegate::delegate!($target: $($rest)*);
    };
    ($target:ident: &mut self { $($name:ident($($arg:ident: $type:ty),*) -> $output:ty;)* } $($rest:tt)*) => {
        $(
            #[doc = concat!("Calls [`", stringify!($target), "::", stringify!($name), "`](crate::",
                stringify!($target), "::", stringify!($name), ").")]
            pub fn $name(&mut self, $($arg: $type),*) -> $output {
                self.0.$name($($arg),*)
            }
        )*
        $crate::blocking::delegate::delegate!($target: $($rest)*);
    };
    ($target:ident:) => {};
}
pub(super) use delegate;
