//! Description of a model.

use std::future::ready;

use super::generative_model::GenerativeModel;
use crate::error::Result;
use crate::protocol::models::Model;
use crate::stream::BoxFuture;

impl GenerativeModel {
    /// Requests the description of the model from its backend, such as its token limits.
    ///
    /// The [request options](Self::request_options) of the model apply.
    ///
    /// Not every service describes every model: limits that are absent are not known. A backend that cannot describe
    /// models fails with [`Unsupported`](crate::ErrorKind::Unsupported).
    ///
    /// ```no_run
    /// # use generativeai::GenerativeModel;
    /// # async fn example() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-flash-latest");
    /// println!("{:?} tokens fit", model.describe().await?.input_token_limit);
    /// # Ok(()) }
    /// ```
    pub fn describe(&self) -> BoxFuture<Result<Model>> {
        match self.resolve_backend() {
            Ok(backend) => {
                let options = self.settings.request_options.clone();
                backend.get_model(self.name().to_owned(), options)
            }
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}
