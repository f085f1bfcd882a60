//! The list of files, page by page.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::files::{File, ListFilesResponse};
use crate::remote::Remote;
use crate::remote::request::Outgoing;

/// List of the files of a project. Pages are requested as they are needed.
///
/// ```no_run
/// # async fn example() -> generativeai::Result<()> {
/// let mut files = generativeai::Remote::from_env()?.list_files();
/// while let Some(file) = files.next().await {
///     println!("{}", file?.name.unwrap_or_default());
/// }
/// # Ok(()) }
/// ```
#[must_use = "nothing is requested until `next` is called"]
pub struct FileList {
    remote: Remote,
    options: RequestOptions,
    /// Files of the current page that have not been returned.
    files: VecDeque<File>,
    /// Token of the next page. `None` for the first one.
    token: Option<String>,
    /// Tokens of the pages so far.
    tokens: HashSet<String>,
    /// Whether the last page was received, or an error was returned.
    is_over: bool,
}

impl FileList {
    pub(super) fn new(remote: Remote) -> Self {
        Self {
            remote,
            options: RequestOptions::default(),
            files: VecDeque::new(),
            token: None,
            tokens: HashSet::new(),
            is_over: false,
        }
    }

    /// Sets the options of the requests. Each page is a request.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Returns the next file; `None` at the end.
    ///
    /// # Errors
    /// The error of the request for a page. [`Decode`](ErrorKind::Decode) if the service repeats a page, since the list
    /// would never end. An error is the last item.
    pub async fn next(&mut self) -> Option<Result<File>> {
        while self.files.is_empty() && !self.is_over {
            if let Err(error) = self.load().await {
                self.is_over = true;
                return Some(Err(error));
            }
        }
        self.files.pop_front().map(Ok)
    }

    /// Turns the list into a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Result<File>> + Send {
        let files = stream::unfold(self, |mut this| async move {
            let file = this.next().await?;
            Some((file, this))
        });
        // `unfold` panics if it is polled after its end. `fuse` returns `None` instead.
        files.fuse()
    }

    /// Requests the next page.
    async fn load(&mut self) -> Result<()> {
        let address = self.remote.address().files(self.token.as_deref());
        let request = address.map(Outgoing::get);
        let options = self.options.clone();
        let page: ListFilesResponse = self.remote.client.unary(request, options).await?;
        self.token = page.next_page_token.filter(|token| !token.is_empty());
        match &self.token {
            None => self.is_over = true,
            // A service that ignores the token, for example, would return the first page forever.
            Some(token) if !self.tokens.insert(token.clone()) => {
                let message = "the list of files repeats a page";
                return Err(Error::new(ErrorKind::Decode, message));
            }
            Some(_) => {}
        }
        self.files = page.files.into();
        Ok(())
    }
}

impl fmt::Debug for FileList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileList")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
