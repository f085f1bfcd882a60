//! What the code written by `#[function]` stands on. Not for use by hand.

use std::marker::PhantomData;

use serde::Serialize;

pub use serde;

use crate::protocol::content::FunctionResponse;
use crate::tools::answer::{self, Answer, Failure};

/// Finds out how what a function gives becomes an answer.
///
/// Of the three traits below `(&&&Probe::of(&given)).form()` finds the first that fits: the method of
/// the receiver with the most references is looked at first.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// The probe of a value.
    pub fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

/// The form of an [`Answer`].
pub trait FormOfAnswer {
    /// It answers for itself.
    fn form(&self) -> Given {
        Given
    }
}

impl<T: Answer> FormOfAnswer for &&Probe<T> {}

/// The form of a value that serialises.
pub trait FormOfValue {
    /// It is written as JSON.
    fn form(&self) -> Written {
        Written
    }
}

impl<T: Serialize + 'static> FormOfValue for &Probe<T> {}

/// The form of all else: the compiler is to say that it is no [`Answer`].
pub trait FormOfNothing {
    /// It should answer for itself.
    fn form(&self) -> Given {
        Given
    }
}

impl<T> FormOfNothing for Probe<T> {}

/// The form of what answers for itself.
#[derive(Debug)]
pub struct Given;

/// The form of what is written as JSON.
#[derive(Debug)]
pub struct Written;

impl Given {
    /// The answer.
    ///
    /// # Errors
    /// What the function failed with.
    pub fn answer<T: Answer>(self, given: T) -> Result<FunctionResponse, Failure> {
        given.answer()
    }
}

impl Written {
    /// The answer with the value in it.
    ///
    /// # Errors
    /// Why the value does not serialise.
    pub fn answer<T: Serialize + 'static>(self, given: T) -> Result<FunctionResponse, Failure> {
        answer::of(given)
    }
}
