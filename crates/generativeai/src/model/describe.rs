//! Description of a model.

use std::future::ready;

use super::generative_model::GenerativeModel;
use crate::error::Result;
use crate::protocol::models::Model;
use crate::stream::BoxFuture;

impl GenerativeModel {
    /// Requests the description of the model from its backend, such as its limits of input and output tokens.
    ///
    /// The [request options](Self::request_options) of the model apply. Not every service describes every model, so an
    /// absent limit is unknown.
    ///
    /// ```no_run
    /// # use generativeai::GenerativeModel;
    /// # async fn example() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-flash-latest");
    /// println!("{:?} tokens fit", model.describe().await?.input_token_limit);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the backend has no such model, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it cannot describe models.
    pub fn describe(&self) -> BoxFuture<Result<Model>> {
        match self.resolve_backend() {
            Ok(backend) => {
                let options = self.settings.options.clone();
                backend.get_model(self.name().to_owned(), options)
            }
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}
