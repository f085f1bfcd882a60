//! A chat in a task, together with the open stream that borrows it.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::safety::SafetySetting;
use generativeai::protocol::tools::ToolConfig;
use generativeai::{ChatSession, ReplyStream, RequestOptions, Result, SendMessage, Toolbox};
use tokio::sync::{mpsc, oneshot};

/// A message and its options.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) content: Content,
    pub(super) options: Options,
}

/// Options of a message or a request.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) generation_config: Option<GenerationConfig>,
    pub(super) safety_settings: Option<Vec<SafetySetting>>,
    pub(super) tools: Option<Toolbox>,
    pub(super) tool_config: Option<ToolConfig>,
    pub(super) request_options: Option<RequestOptions>,
}

/// Applies the options that are set.
macro_rules! with_options {
    ($request:expr, $options:expr; $($setter:ident),*) => {{
        let mut request = $request;
        let options = $options;
        $(if let Some(value) = options.$setter {
            request = request.$setter(value);
        })*
        request
    }};
}
pub(super) use with_options;

impl Message {
    fn to(self, chat: &mut ChatSession) -> SendMessage<'_> {
        with_options!(
            chat.send_message(self.content), self.options;
            generation_config, safety_settings, tools, tool_config, request_options
        )
    }
}

/// Next item of a stream, and the merged response so far.
pub(super) type Pulled = (
    Option<Result<GenerateContentResponse>>,
    Option<GenerateContentResponse>,
);

enum Order {
    Use(Box<dyn FnOnce(&mut ChatSession) + Send>),
    Send(Message, oneshot::Sender<Result<GenerateContentResponse>>),
    Stream(Message),
    Pull(oneshot::Sender<Pulled>),
}

/// Handle of a chat. Using the chat drops its open stream.
#[derive(Clone)]
pub(super) struct Chat(mpsc::UnboundedSender<Order>);

impl Chat {
    pub(super) fn new(chat: ChatSession) -> Self {
        let (sender, orders) = mpsc::unbounded_channel();
        tokio::spawn(run(chat, orders));
        Self(sender)
    }

    /// Runs a closure on the chat.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut ChatSession) -> T + Send + 'static,
    ) -> T {
        let (done, result) = oneshot::channel();
        let act = move |chat: &mut ChatSession| drop(done.send(act(chat)));
        self.order(Order::Use(Box::new(act)));
        result
            .await
            .expect("the task of the chat runs until the scenario ends")
    }

    pub(super) async fn send(&self, message: Message) -> Result<GenerateContentResponse> {
        let (done, result) = oneshot::channel();
        self.order(Order::Send(message, done));
        result
            .await
            .expect("the task of the chat runs until the scenario ends")
    }

    pub(super) fn stream(&self, message: Message) {
        self.order(Order::Stream(message));
    }

    /// Reads the next item of the open stream.
    pub(super) async fn pull(&self) -> Pulled {
        let (done, result) = oneshot::channel();
        self.order(Order::Pull(done));
        result
            .await
            .expect("the stream is open until the chat is used")
    }

    fn order(&self, order: Order) {
        assert!(
            self.0.send(order).is_ok(),
            "the task of the chat runs until the scenario ends"
        );
    }
}

async fn run(mut chat: ChatSession, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut next = orders.recv().await;
    while let Some(order) = next.take() {
        next = match order {
            Order::Stream(message) => read(message.to(&mut chat).stream(), &mut orders).await,
            Order::Send(message, done) => {
                // Fails if the receiver was dropped. Then the result is not needed, here and below.
                done.send(message.to(&mut chat).await).ok();
                orders.recv().await
            }
            Order::Use(act) => {
                act(&mut chat);
                orders.recv().await
            }
            Order::Pull(_) => orders.recv().await,
        };
    }
}

/// Reads a stream until the chat is used for something else.
async fn read(
    mut stream: ReplyStream<'_>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Option<Order> {
    loop {
        match orders.recv().await {
            Some(Order::Pull(done)) => {
                let next = stream.next().await;
                done.send((next, stream.response().cloned())).ok();
            }
            other => return other,
        }
    }
}
