//! Schema versions: older tables are migrated, newer ones refused.

use generativeai::protocol::content::Data;
use generativeai::{AutomaticFunctionCalling, CallRequest, Decision, ErrorKind, Function, Reason};
use generativeai_store::Store;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::child::{Reports, address, command, report};
use crate::support::{TestDatabase, assert_kind, counting_model, key, stored_texts};

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_and_not_changed() {
    for database in TestDatabase::plain().await {
        database.open().await.new_session("one").await.unwrap();
        database
            .execute("UPDATE schema_version SET version = 99")
            .await;

        let error = assert_kind(Store::open(&database.address).await, ErrorKind::TooNew);
        assert!(error.to_string().contains("update"), "{error}");
        assert_eq!(database.version().await, 99);
        assert_eq!(database.count("session").await, 1);
    }
}

#[tokio::test]
async fn a_store_of_each_version_can_be_read_and_continued() {
    for version in 1.. {
        let mut databases = TestDatabase::plain().await;
        databases.retain(|database| version <= database.fixtures().len());
        if databases.is_empty() {
            break;
        }
        for mut database in databases {
            database.fixture(version).await;
            // The fixture of version 2 is encrypted.
            database.key = (version == 2).then(|| key(1));

            let store = database.open().await;
            let session = store.session("mountains").await.unwrap();
            let texts = [
                "How tall is Ben Nevis?",
                "1,345 metres.",
                "And Snowdon?",
                "1,085 metres.",
            ];
            assert_eq!(stored_texts(&session).await, texts, "{version}");
            let fork = store.session("fork").await.unwrap();
            assert_eq!(stored_texts(&fork).await, texts[..2]);
            assert_eq!(store.search("snowdon").await.unwrap().len(), 1);
            let picture = store.session("picture").await.unwrap();
            let blob = &picture.contents().await.unwrap()[0].parts[0];
            let Some(Data::InlineData(blob)) = &blob.data else {
                panic!("{blob:?}");
            };
            assert_eq!(blob.bytes().unwrap(), vec![7; 3_000]);
            let mut chat = session.chat(&counting_model(1)).await.unwrap();
            chat.send_message("On").await.unwrap();
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
            assert_eq!(database.version().await, database.fixtures().len() as i64);
        }
    }
}

#[tokio::test]
async fn a_turn_that_waits_in_a_store_of_version_3_is_decided() {
    for database in TestDatabase::plain().await {
        database.fixture(3).await;
        let store = database.open().await;
        let session = store.session("letters").await.unwrap();
        assert_eq!(session.details().await.unwrap().waiting, ["send"]);
        let send = |arguments: Value| format!("sent to {}", arguments["to"].as_str().unwrap());
        let model = counting_model(1).tools(Function::new("send", "Sends a letter.", send));

        let chat = session.chat(&model).await.unwrap();
        let asks =
            AutomaticFunctionCalling::default().approve(async |_: CallRequest| Decision::Wait);
        let mut chat = chat.automatic_function_calling(asks);
        let history = json!(chat.history());
        let waiting = chat.unfinished().map(|turn| turn.reason.clone());
        let Some(Reason::AwaitingApproval(calls)) = waiting else {
            panic!("{waiting:?}");
        };
        let recipients: Vec<_> = calls.iter().map(|call| json!(call.call.args)).collect();
        let decisions = calls.into_iter().map(|call| (call.id, Decision::Run));
        chat.decide(decisions).await.unwrap();

        let answers = |at: usize| json!(chat.history()[at].parts);
        let changed = json!({"result": "sent", "changedArguments": {"to": "Ada L."}});
        assert_eq!(answers(2)[0]["functionResponse"]["response"], changed);
        let denied = json!({"error": "denied: not to Eve"});
        assert_eq!(answers(2)[1]["functionResponse"]["response"], denied);
        assert_eq!(history.as_array().map(Vec::len), Some(4));
        // The call for Bob was decided by the former program, and runs now.
        assert_eq!(recipients, [json!({"to": "Mia"})]);
        let results = ["sent to Bob", "sent to Mia"].map(|text| json!({"result": text}));
        for (at, result) in results.iter().enumerate() {
            assert_eq!(answers(6)[at]["functionResponse"]["response"], *result);
        }
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
        assert!(session.details().await.unwrap().waiting.is_empty());
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_tables_unchanged() {
    for database in TestDatabase::plain().await {
        database.fixture(1).await;
        // Makes the last statement but one of the migration to version 2 fail.
        database
            .execute("CREATE TABLE event_cipher (x BIGINT)")
            .await;

        assert_kind(Store::open(&database.address).await, ErrorKind::Storage);
        assert_eq!(database.version().await, 1);
        let column = "SELECT COUNT(*) FROM event WHERE cipher IS NULL";
        assert!(!database.accepts(column).await);
        database.execute("DROP TABLE event_cipher").await;
        let session = database.open().await.session("mountains").await.unwrap();
        assert_eq!(stored_texts(&session).await.len(), 4);
    }
}

async fn migrate_and_send(address: &str) {
    let store = Store::open(address).await.unwrap();
    let session = store.new_session("").await.unwrap();
    let mut chat = session.chat(&counting_model(1)).await.unwrap();
    chat.send_message("a").await.unwrap();
    assert!(chat.unsaved().is_none());
    report("done");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_migrations_run_once() {
    if let Some(address) = address() {
        return migrate_and_send(&address).await;
    }
    for version in [0, 1] {
        for database in TestDatabase::plain().await {
            database.fixture(version).await;
            let sessions = 3 * version as i64;
            let events = 6 * version as i64;
            let processes: Vec<_> = (0..6)
                .map(|_| {
                    let test = "versions::concurrent_migrations_run_once";
                    command(test, &database.address).spawn().unwrap()
                })
                .collect();
            let mut tasks = JoinSet::new();
            for _ in 0..6 {
                let address = database.address.clone();
                tasks.spawn(async move { Store::open(&address).await.map(drop) });
            }
            while let Some(opened) = tasks.join_next().await {
                opened.unwrap().unwrap();
            }
            for mut process in processes {
                let reports: Vec<String> = Reports::by(&mut process).collect();
                assert_eq!(reports, ["done"]);
                assert!(process.wait().unwrap().success());
            }

            assert_eq!(database.count("schema_version").await, 1);
            assert_eq!(database.count("session").await, sessions + 6);
            assert_eq!(database.count("event").await, events + 12);
        }
    }
}
