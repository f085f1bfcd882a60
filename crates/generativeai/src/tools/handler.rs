//! What may stand behind a function: a closure or `fn`, plain or async, with arguments or without.

use std::future::ready;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::{Answer, Failure};
use super::arguments;
use crate::json_schema;
use crate::protocol::content::FunctionResponse;
use crate::stream::BoxFuture;

/// What a handler gives once it is done.
pub(crate) type Answered = BoxFuture<Result<FunctionResponse, Failure>>;

/// What may stand behind a [`Function`](super::Function): a closure or `fn`, plain or async.
///
/// It takes one argument, a type that is `Deserialize` and `JsonSchema` with a member for each
/// argument the model gives, or none. It gives what [`Answer`] says. `Form` tells these apart; it is
/// always inferred. A plain handler that takes long holds up the task it runs on.
#[diagnostic::on_unimplemented(
    message = "this cannot be called by a model",
    label = "not a handler of a function",
    note = "a handler takes one argument whose type is named, `|args: Args|`, or none",
    note = "the type of the argument derives `serde::Deserialize` and `schemars::JsonSchema`",
    note = "it gives, at once or in an async block, a simple value, `Json(value)` or a `Result`"
)]
pub trait Handler<Form>: Send + Sync + 'static {
    /// The JSON Schema of the arguments; `None` if there are none.
    #[doc(hidden)]
    fn parameters() -> Option<Value>;

    /// Runs with the arguments of a call.
    #[doc(hidden)]
    fn run(&self, arguments: Map<String, Value>) -> Answered;
}

/// The form of a handler that answers at once.
#[derive(Debug)]
pub struct Plain<Args>(PhantomData<Args>);

/// The form of a handler that answers in time.
#[derive(Debug)]
pub struct Async<Args>(PhantomData<Args>);

/// Stands for the arguments of a handler that takes none.
#[derive(Debug)]
pub struct Nothing;

impl<H, A, R> Handler<Plain<A>> for H
where
    H: Fn(A) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: Answer,
{
    fn parameters() -> Option<Value> {
        json_schema::parameters_of::<A>()
    }

    fn run(&self, arguments: Map<String, Value>) -> Answered {
        let answer = arguments::read(arguments).and_then(|args| self(args).answer());
        Box::pin(ready(answer))
    }
}

impl<H, A, F> Handler<Async<A>> for H
where
    H: Fn(A) -> F + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    F: Future<Output: Answer> + Send + 'static,
{
    fn parameters() -> Option<Value> {
        json_schema::parameters_of::<A>()
    }

    fn run(&self, arguments: Map<String, Value>) -> Answered {
        match arguments::read(arguments) {
            Ok(args) => answered(self(args)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

impl<H, R> Handler<Plain<Nothing>> for H
where
    H: Fn() -> R + Send + Sync + 'static,
    R: Answer,
{
    fn parameters() -> Option<Value> {
        None
    }

    fn run(&self, _: Map<String, Value>) -> Answered {
        Box::pin(ready(self().answer()))
    }
}

impl<H, F> Handler<Async<Nothing>> for H
where
    H: Fn() -> F + Send + Sync + 'static,
    F: Future<Output: Answer> + Send + 'static,
{
    fn parameters() -> Option<Value> {
        None
    }

    fn run(&self, _: Map<String, Value>) -> Answered {
        answered(self())
    }
}

pub(super) fn answered(running: impl Future<Output: Answer> + Send + 'static) -> Answered {
    Box::pin(async move { running.await.answer() })
}
