//! Conversions into a toolbox: from single tools, lists and tuples.
//!
//! With them, `tools(…)` of a model or a message accepts a [`Function`], a declaration, a tool of the service, an
//! `Option`, a list of one type, or a tuple of up to eight types. These can be nested.
//!
//! ```
//! use generativeai::protocol::tools::GoogleSearch;
//! use generativeai::{Function, Toolbox};
//!
//! let clock = || Function::new("now", "Returns the time.", || "12:30");
//! let dice = || Function::new("roll", "Rolls a die.", || 4);
//! let with_search = true;
//!
//! let tools = Toolbox::from((vec![clock(), dice()], with_search.then(GoogleSearch::default)));
//! assert_eq!(tools.tools().len(), 2); // the declarations of both functions, and the search
//! ```

use super::{Function, Toolbox};
use crate::protocol::tools::Tool;

impl From<Function> for Toolbox {
    fn from(function: Function) -> Self {
        Self::default().function(function)
    }
}

impl From<&Toolbox> for Toolbox {
    fn from(toolbox: &Toolbox) -> Self {
        toolbox.clone()
    }
}

// A declaration, or a tool of the service.
impl<T: Into<Tool>> From<T> for Toolbox {
    fn from(tool: T) -> Self {
        Self::default().tool(tool)
    }
}

impl<T: Into<Toolbox>> From<Option<T>> for Toolbox {
    fn from(tools: Option<T>) -> Self {
        tools.map(Into::into).unwrap_or_default()
    }
}

impl<T: Into<Toolbox>> From<Vec<T>> for Toolbox {
    fn from(tools: Vec<T>) -> Self {
        tools.into_iter().collect()
    }
}

impl<T: Into<Toolbox>, const N: usize> From<[T; N]> for Toolbox {
    fn from(tools: [T; N]) -> Self {
        tools.into_iter().collect()
    }
}

impl<T: Into<Toolbox>> FromIterator<T> for Toolbox {
    fn from_iter<I: IntoIterator<Item = T>>(tools: I) -> Self {
        let mut all = Self::default();
        all.extend(tools.into_iter().map(Into::into));
        all
    }
}

macro_rules! from_tuple {
    ($($one:ident)+) => {
        impl<$($one: Into<Toolbox>),+> From<($($one,)+)> for Toolbox {
            fn from(tools: ($($one,)+)) -> Self {
                #[expect(non_snake_case, reason = "each value is named like its type parameter")]
                let ($($one,)+) = tools;
                [$($one.into()),+].into_iter().collect::<Self>()
            }
        }
    };
}

from_tuple!(A B);
from_tuple!(A B C);
from_tuple!(A B C D);
from_tuple!(A B C D E);
from_tuple!(A B C D E F);
from_tuple!(A B C D E F G);
from_tuple!(A B C D E F G H);
