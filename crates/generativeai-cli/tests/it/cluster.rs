//! Two `genai serve` processes in front of one model server, with the chats of their clients in PostgreSQL.

use std::env;
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use generativeai::{GenerativeModel, Remote, RequestOptions};
use generativeai_store::Store;
use tokio::task::JoinSet;

use super::fake_openai::FakeOpenAi;
use super::serve::Serving;
use super::support::genai;

const CHATS: usize = 200;
const TURNS: usize = 5;
/// Number of tasks that send messages.
const WORKERS: usize = 16;
/// Numbers of acknowledged turns at which the first server is killed and started again.
const KILLED: usize = 300;
const RESTARTED: usize = 600;

/// State that the tasks share.
struct Cluster {
    /// Connections to the store, as two processes of an application have them.
    stores: [Store; 2],
    ports: [u16; 2],
    servers: [Mutex<Option<Serving>>; 2],
    model_server: String,
    next_chat: AtomicUsize,
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
}

impl Cluster {
    fn start(&self, server: usize) {
        let port = self.ports[server].to_string();
        let words = ["serve", "--port", &port, "--upstream", &self.model_server];
        let serving = Serving::start_with(genai(&words));
        *self.servers[server].lock().expect("no panic") = Some(serving);
    }

    fn kill(&self, server: usize) {
        *self.servers[server].lock().expect("no panic") = None;
    }

    /// Returns the model behind a server, whose failures are not retried.
    fn model(&self, server: usize) -> GenerativeModel {
        let remote = Remote::builder()
            .base_url(format!("http://127.0.0.1:{}", self.ports[server]))
            .api_key("any")
            .request_options(RequestOptions::default().without_retry());
        GenerativeModel::new("gemini-flash-latest").backend(remote.build().expect("a client"))
    }

    /// Sends a message until it is answered, each time through a random store and a random server.
    async fn turn(&self, chat: &str, message: &str) {
        loop {
            let store = &self.stores[fastrand::usize(..2)];
            let session = store.find_or_create(chat).await.expect("a session");
            let model = self.model(fastrand::usize(..2));
            let mut chat = session.chat(&model).await.expect("a chat");
            let reply = match chat.unfinished() {
                Some(_) => chat.retry().await,
                None => chat.send_message(message).await,
            };
            match reply {
                Ok(_) if chat.unsaved().is_none() => break,
                Ok(_) => panic!("{:?}", chat.unsaved()),
                Err(error) => assert!(error.is_retryable(), "{error:#}"),
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        match self.acknowledged.fetch_add(1, Ordering::Relaxed) + 1 {
            KILLED => self.kill(0),
            RESTARTED => self.start(0),
            _ => {}
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Returns the address of the database. Without one, returns `None` and writes a message directly to stderr: the test
/// harness captures `eprintln!` and shows it only for tests that fail.
fn database() -> Option<String> {
    let address = env::var("GENERATIVEAI_TEST_POSTGRES").ok();
    if address.is_none() {
        let message = "\nNOT TESTED: two servers with PostgreSQL; scripts/test starts a database\n";
        let _ = std::io::stderr().write_all(message.as_bytes());
    }
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chats_move_between_two_servers_and_lose_nothing_when_one_is_killed() {
    let Some(address) = database() else { return };
    let model_server = FakeOpenAi::start();
    let open = async || Store::open(&address).await.expect("a store");
    let cluster = Arc::new(Cluster {
        stores: [open().await, open().await],
        ports: [free_port(), free_port()],
        servers: [Mutex::new(None), Mutex::new(None)],
        model_server: model_server.url.clone(),
        next_chat: AtomicUsize::new(0),
        acknowledged: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
    });
    cluster.start(0);
    cluster.start(1);

    let name = |chat: usize| format!("cluster-{}-{chat}", std::process::id());
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let cluster = Arc::clone(&cluster);
        workers.spawn(async move {
            loop {
                let chat = cluster.next_chat.fetch_add(1, Ordering::Relaxed);
                if chat >= CHATS {
                    break;
                }
                for turn in 0..TURNS {
                    cluster.turn(&name(chat), &format!("message {turn}")).await;
                }
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done.expect("no panic");
    }

    for chat in 0..CHATS {
        let session = cluster.stores[0]
            .session(&name(chat))
            .await
            .expect("a session");
        let contents = session.contents().await.expect("contents");
        let texts: Vec<_> = contents.iter().map(|content| content.text()).collect();
        assert_eq!(texts.len(), 2 * TURNS, "{texts:?}");
        for (turn, pair) in texts.chunks(2).enumerate() {
            assert_eq!(pair[0], format!("message {turn}"));
            assert!(pair[1].starts_with("reply "), "{texts:?}");
        }
    }
    let failed = cluster.failed.load(Ordering::Relaxed);
    assert!(failed > 0, "no message met the killed server");
}
