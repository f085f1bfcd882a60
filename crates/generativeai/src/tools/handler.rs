//! Handlers of functions: closures and `fn`s, `async` or not, with or without arguments.

use std::future::ready;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::arguments;
use super::response::IntoFunctionResponse;
use crate::error::BoxError;
use crate::json_schema;
use crate::protocol::content::FunctionResponse;
use crate::stream::BoxFuture;

/// Response of a function that is running.
pub(crate) type Responding = BoxFuture<Result<FunctionResponse, BoxError>>;

/// Closure or `fn` that a [`Function`](super::Function) runs, `async` or not.
///
/// It takes no argument, or one whose type is `Deserialize` and `JsonSchema` and has a field for each
/// argument of a call. Its return type implements [`IntoFunctionResponse`].
///
/// A handler that is not `async` blocks the task of the turn while it runs. It is called through `Fn`, since calls of
/// one round run concurrently: state that changes belongs in a `Mutex` or an atomic.
///
/// `Form` distinguishes the four shapes of a handler, whose implementations would otherwise overlap. The compiler
/// infers it.
///
/// ```
/// use generativeai::{Function, Json};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Args {
///     /// Numbers to add.
///     numbers: Vec<f64>,
/// }
///
/// async fn download() -> Result<String, std::io::Error> {
///     Ok("…".to_owned())
/// }
///
/// Function::new("now", "Returns the time.", || "12:30");
/// Function::new("sum", "Adds numbers.", |args: Args| args.numbers.iter().sum::<f64>());
/// Function::new("download", "Downloads the list.", download);
/// Function::new("sort", "Sorts numbers.", async |args: Args| {
///     let mut numbers = args.numbers;
///     numbers.sort_by(f64::total_cmp);
///     Json(numbers)
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "this cannot be called by a model",
    label = "not a handler of a function",
    note = "a handler takes no argument, or one whose type is named: `|args: Args|`",
    note = "the type of the argument derives `serde::Deserialize` and `schemars::JsonSchema`",
    note = "it returns, at once or from an async block, a simple value, `Json(value)` or a `Result`",
    note = "it is `Fn + Send + Sync + 'static`: keep state that changes in a `Mutex`"
)]
pub trait Handler<Form>: Send + Sync + 'static {
    /// Returns the JSON Schema of the parameters, or `None` if there are none.
    #[doc(hidden)]
    fn parameters() -> Option<Value> {
        None
    }

    /// Checks whether arguments fit the parameters.
    #[doc(hidden)]
    fn check(_: Map<String, Value>) -> Result<(), BoxError> {
        Ok(())
    }

    /// Runs with the arguments of a call.
    #[doc(hidden)]
    fn run(&self, arguments: Map<String, Value>) -> Responding;
}

/// Form of a handler that returns its value directly.
#[derive(Debug)]
pub struct Plain<Args>(PhantomData<Args>);

/// Form of a handler that returns a future.
#[derive(Debug)]
pub struct Async<Args>(PhantomData<Args>);

/// `Args` of a handler without arguments.
#[derive(Debug)]
pub struct Nothing;

// The type of an argument decides between `Plain<A>` and `Plain<Nothing>`, and a future as return type between `Plain`
// and `Async`: no future implements `IntoFunctionResponse`. So the compiler can infer `Form`.
impl<H, A, R> Handler<Plain<A>> for H
where
    H: Fn(A) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: IntoFunctionResponse,
{
    fn parameters() -> Option<Value> {
        json_schema::parameters_of::<A>()
    }

    fn check(arguments: Map<String, Value>) -> Result<(), BoxError> {
        arguments::read::<A>(arguments).map(drop)
    }

    fn run(&self, arguments: Map<String, Value>) -> Responding {
        let response =
            arguments::read(arguments).and_then(|args| self(args).into_function_response());
        Box::pin(ready(response))
    }
}

impl<H, A, F> Handler<Async<A>> for H
where
    H: Fn(A) -> F + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    F: Future<Output: IntoFunctionResponse> + Send + 'static,
{
    fn parameters() -> Option<Value> {
        json_schema::parameters_of::<A>()
    }

    fn check(arguments: Map<String, Value>) -> Result<(), BoxError> {
        arguments::read::<A>(arguments).map(drop)
    }

    fn run(&self, arguments: Map<String, Value>) -> Responding {
        match arguments::read(arguments) {
            Ok(args) => respond(self(args)),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

impl<H, R> Handler<Plain<Nothing>> for H
where
    H: Fn() -> R + Send + Sync + 'static,
    R: IntoFunctionResponse,
{
    fn run(&self, _: Map<String, Value>) -> Responding {
        Box::pin(ready(self().into_function_response()))
    }
}

impl<H, F> Handler<Async<Nothing>> for H
where
    H: Fn() -> F + Send + Sync + 'static,
    F: Future<Output: IntoFunctionResponse> + Send + 'static,
{
    fn run(&self, _: Map<String, Value>) -> Responding {
        respond(self())
    }
}

/// Converts the output of a running handler into a response.
pub(super) fn respond(
    running: impl Future<Output: IntoFunctionResponse> + Send + 'static,
) -> Responding {
    Box::pin(async move { running.await.into_function_response() })
}
