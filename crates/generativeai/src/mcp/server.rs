//! The server at the other end of a connection. The connection and its functions share it.

use std::error::Error as StdError;
use std::iter;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rmcp::ServiceError;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientConfig,
    ClientRequest, RequestId, ServerResult, Tool,
};
use rmcp::service::{ClientInitializeError, Peer, PeerRequestOptions, RoleClient, RunningService};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::response;
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::stream::BoxFuture;

/// Time limit for the handshake with a server, and for listing its tools.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Task of `rmcp` that reads the messages of the server. The connection closes when it is dropped.
pub(super) type Service = RunningService<RoleClient, ClientConfig>;

/// Function that connects to the server again.
type Connect = Box<dyn Fn() -> BoxFuture<Result<Service>> + Send + Sync>;

/// How to connect to the server again.
pub(super) struct Reconnect {
    connect: Connect,
    /// Time and message of the last failure. Calls that waited for this attempt fail with it.
    failure: Option<(Instant, String)>,
}

/// Server at the other end of a connection.
pub(super) struct Server {
    /// Program, or address without its query, for error messages.
    pub(super) name: String,
    /// Whether the address has a query.
    has_query: bool,
    /// `None` after [`close`](Self::close).
    service: Mutex<Option<Service>>,
    /// Connects again if the connection has ended. Locked meanwhile, so that concurrent calls connect once.
    reconnect: OnceLock<tokio::sync::Mutex<Reconnect>>,
}

impl Server {
    pub(super) fn new(name: String, has_query: bool, service: Service) -> Self {
        Self {
            name,
            has_query,
            service: Mutex::new(Some(service)),
            reconnect: OnceLock::new(),
        }
    }

    /// Sets how to connect again, unless it is set.
    pub(super) fn reconnect_with(&self, connect: Connect) {
        self.reconnect.get_or_init(|| {
            tokio::sync::Mutex::new(Reconnect {
                connect,
                failure: None,
            })
        });
    }

    /// Removes the task that reads the messages of the server. Calls then fail.
    pub(super) fn take(&self) -> Option<Service> {
        self.service().take()
    }

    fn service(&self) -> MutexGuard<'_, Option<Service>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the handle for requests. It does not lock the service, so that calls run concurrently.
    ///
    /// # Errors
    /// The connection was closed.
    fn peer(&self) -> std::result::Result<Peer<RoleClient>, ServiceError> {
        let service = self.service();
        let peer = service.as_ref().map(|service| service.peer().clone());
        peer.ok_or(ServiceError::TransportClosed)
    }

    /// Connects again, if the connection has ended and the program has set how. Does nothing after
    /// [`close`](Self::close).
    async fn restore(&self) -> std::result::Result<(), BoxError> {
        let has_ended = || self.peer().is_ok_and(|peer| peer.is_transport_closed());
        let Some(reconnect) = self.reconnect.get().filter(|_| has_ended()) else {
            return Ok(());
        };
        let called = Instant::now();
        let mut reconnect = reconnect.lock().await;
        // Another call may have connected meanwhile, or failed to.
        if !has_ended() {
            return Ok(());
        }
        if let Some((failed, message)) = &reconnect.failure
            && *failed >= called
        {
            return Err(message.clone().into());
        }
        let restored = (reconnect.connect)().await;
        let restored = restored.inspect_err(|error| {
            reconnect.failure = Some((Instant::now(), format!("{error:#}")));
        })?;
        // Locked to the end of the block, so that a connection that was closed meanwhile stays closed.
        let mut unused = {
            let mut service = self.service();
            match service.is_some() {
                true => service.replace(restored),
                false => Some(restored),
            }
        };
        if let Some(unused) = &mut unused {
            let _ = unused.close().await;
        }
        Ok(())
    }

    /// Lists the tools of the server, all pages.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) if the server does not respond in time.
    pub(super) async fn tools(&self) -> Result<Vec<Tool>> {
        let failed = |cause: BoxError| {
            let message = format!("the MCP server `{}` does not list its tools", self.name);
            let cause = cause_of(cause, self.has_query);
            Error::new(ErrorKind::Unreachable, message).with_source(cause)
        };
        self.restore().await.map_err(failed)?;
        let peer = self.peer().map_err(|error| failed(of_request(error)))?;
        let listing = tokio::time::timeout(TIMEOUT, peer.list_all_tools()).await;
        listing
            .map_err(|_| failed(format!("no response within {TIMEOUT:?}").into()))?
            .map_err(|error| failed(of_request(error)))
    }

    /// Calls a tool, and returns the JSON of its result. Dropping the future cancels the call at the server.
    ///
    /// A call during which the connection ends is not repeated: the tool may have run.
    ///
    /// # Errors
    /// [`Function`](ErrorKind::Function) if the server rejects the call or does not respond.
    pub(super) async fn call(&self, tool: String, arguments: Map<String, Value>) -> Result<Value> {
        let failed = |cause: BoxError| {
            let message = format!("the call of the MCP server `{}` failed", self.name);
            let cause = cause_of(cause, self.has_query);
            Error::new(ErrorKind::Function, message).with_source(cause)
        };
        self.restore().await.map_err(failed)?;
        let call = CallToolRequestParams::new(tool).with_arguments(arguments);
        let called = match self.send(CallToolRequest::new(call).into()).await {
            Ok(ServerResult::CallToolResult(result)) => {
                Ok(serde_json::to_value(result).expect("it was read from JSON"))
            }
            Ok(ServerResult::EmptyResult(_)) => Ok(json!({})),
            Ok(ServerResult::CustomResult(result)) if response::is_result(&result.0) => {
                Ok(result.0)
            }
            Ok(_) => Err(ServiceError::UnexpectedResponse),
            Err(error) => Err(error),
        };
        called.map_err(|error| failed(of_request(error)))
    }

    /// Sends a request, and cancels it at the server if the future is dropped.
    ///
    /// `Peer::call_tool` would do the same, but refuses a result in which one block has an unknown form.
    async fn send(
        &self,
        request: ClientRequest,
    ) -> std::result::Result<ServerResult, ServiceError> {
        let options = PeerRequestOptions::no_options();
        let peer = self.peer()?;
        let handle = peer.send_cancellable_request(request, options).await?;
        let mut guard = CancelOnDrop {
            peer: &peer,
            id: Some(handle.id.clone()),
        };
        let result = handle.await_response().await;
        guard.id = None;
        result
    }

    /// Closes the connection and waits until a child process has ended.
    pub(super) async fn close(&self) {
        if let Some(mut service) = self.take() {
            // An error means that the task has panicked. Then it has ended as well.
            let _ = service.close().await;
        }
    }
}

/// Returns the error of a handshake. `rmcp` puts the Rust type of the transport before its error, which is left out.
pub(super) fn of_handshake(error: ClientInitializeError) -> BoxError {
    match error {
        ClientInitializeError::TransportError { error, .. } => error.error,
        error => error.into(),
    }
}

/// Returns the error of a request, like [`of_handshake`].
fn of_request(error: ServiceError) -> BoxError {
    match error {
        ServiceError::TransportSend(error) => error.error,
        error => error.into(),
    }
}

/// Returns the cause of an error. If the address of the server has a query, the cause is a text without queries: they
/// may contain a key, and reqwest prints them.
pub(super) fn cause_of(error: impl Into<BoxError>, has_query: bool) -> BoxError {
    let error = error.into();
    if !has_query {
        return error;
    }
    let first: &(dyn StdError + 'static) = &*error;
    let causes = iter::successors(Some(first), |cause| (*cause).source());
    let texts: Vec<String> = causes
        .map(|cause| without_queries(&cause.to_string()))
        .collect();
    texts.join(": ").into()
}

/// Replaces the query strings of the URLs in a text.
fn without_queries(text: &str) -> String {
    let mut pieces = text.split('?');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_end = |char: char| char.is_whitespace() || matches!(char, ')' | '"' | '`');
        let end = piece.find(is_end).unwrap_or(piece.len());
        shown.push_str("?…");
        shown.push_str(&piece[end..]);
    }
    shown
}

/// Cancels a request at the server when it is dropped, unless the result has arrived.
struct CancelOnDrop<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        // Without a runtime the connection has ended, and nothing can be sent.
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else {
            return;
        };
        let reason = Some("the call was dropped".to_owned());
        let cancelled = CancelledNotificationParam::new(Some(id), reason);
        let peer = self.peer.clone();
        runtime.spawn(async move { peer.notify_cancelled(cancelled).await.ok() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_an_address_is_not_part_of_a_cause() {
        let text = "error for url (https://h/mcp?key=secret&a=1), why? no";
        let cause = |has_query| cause_of(text, has_query).to_string();

        assert_eq!(cause(true), "error for url (https://h/mcp?…), why?… no");
        assert_eq!(cause(false), text);
    }
}
