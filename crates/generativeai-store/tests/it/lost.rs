//! Lost replies to commits: the client cannot know whether the transaction succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use generativeai_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{TestDatabase, counting_model, stored_texts};

#[tokio::test]
async fn a_lost_commit_or_a_lost_reply_to_it_loses_no_turn_and_duplicates_none() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let (_, server) = database.address.split_once("://").unwrap();
    let (server, _) = server.split_once('/').unwrap();
    let server = server.rsplit('@').next().unwrap();
    let lost = Arc::new(AtomicUsize::new(0));
    let proxy = start_proxy(server.to_owned(), Arc::clone(&lost)).await;
    let store = Store::open(&database.address.replace(server, &proxy))
        .await
        .unwrap();

    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting_model(40)).await.unwrap();
    let mut expected = Vec::new();
    for turn in 0..40 {
        chat.send_message(format!("message {turn}")).await.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        expected.extend([format!("message {turn}"), turn.to_string()]);
    }
    for fork in 0..10 {
        session.fork(&format!("fork {fork}"), None).await.unwrap();
    }

    assert!(lost.load(Ordering::Relaxed) >= 30, "{lost:?}");
    assert_eq!(stored_texts(&session).await, expected);
    assert_eq!(database.count("event").await, 80);
    assert_eq!(database.count("session").await, 11);
}

/// Starts a proxy in front of a server and returns its address. Of every five commits it drops one, and the reply to
/// another.
async fn start_proxy(server: String, lost: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let commits = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&server).await.unwrap();
            let (commits, lost) = (Arc::clone(&commits), Arc::clone(&lost));
            tokio::spawn(async move {
                if forward(client, server, &commits).await.is_none() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    address
}

/// Forwards bytes in both directions until one side closes. Returns `None` if it cut the connection.
async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    commits: &AtomicUsize,
) -> Option<()> {
    let (mut request, mut reply) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return Some(()) };
                let request = &request[..length];
                let is_commit = request.windows(6).any(|bytes| bytes == b"COMMIT");
                let which = is_commit.then(|| commits.fetch_add(1, Ordering::Relaxed) % 5);
                if which == Some(2) {
                    return None;
                }
                server.write_all(request).await.ok();
                if which == Some(4) {
                    // The server has committed once it replies.
                    server.readable().await.ok();
                    return None;
                }
            }
            read = server.read(&mut reply) => {
                let Ok(length @ 1..) = read else { return Some(()) };
                client.write_all(&reply[..length]).await.ok();
            }
        }
    }
}
