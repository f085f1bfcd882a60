//! Commits whose answer is lost: nobody knows whether the transaction came off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use generativeai_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Place, counting, stored};

#[tokio::test]
async fn a_commit_that_is_lost_or_whose_answer_is_lost_costs_no_turn_and_makes_none_twice() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let (_, server) = place.address.split_once("://").unwrap();
    let (server, _) = server.split_once('/').unwrap();
    let server = server.rsplit('@').next().unwrap();
    let lost = Arc::new(AtomicUsize::new(0));
    let between = stand_between(server.to_owned(), Arc::clone(&lost)).await;
    let store = Store::open(&place.address.replace(server, &between))
        .await
        .unwrap();

    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting(40)).await.unwrap();
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
    assert_eq!(stored(&session).await, expected);
    assert_eq!(place.count("SELECT COUNT(*) FROM event").await, 80);
    assert_eq!(place.count("SELECT COUNT(*) FROM session").await, 11);
}

/// Listens before a server, and gives the address; of five commits it loses one, and the answer of
/// another.
async fn stand_between(server: String, lost: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let commits = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&server).await.unwrap();
            let (commits, lost) = (Arc::clone(&commits), Arc::clone(&lost));
            tokio::spawn(async move {
                if carry(client, server, &commits).await.is_none() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    address
}

/// Carries what is said from one to the other until one of them is done; `None` if it cuts them off.
async fn carry(mut client: TcpStream, mut server: TcpStream, commits: &AtomicUsize) -> Option<()> {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return Some(()) };
                let asked = &asked[..length];
                let is_commit = asked.windows(6).any(|bytes| bytes == b"COMMIT");
                let which = is_commit.then(|| commits.fetch_add(1, Ordering::Relaxed) % 5);
                if which == Some(2) {
                    return None;
                }
                server.write_all(asked).await.ok();
                if which == Some(4) {
                    // It is done once it is answered.
                    server.readable().await.ok();
                    return None;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return Some(()) };
                client.write_all(&answered[..length]).await.ok();
            }
        }
    }
}
