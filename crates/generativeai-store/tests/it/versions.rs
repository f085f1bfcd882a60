//! Schema versions: older tables are migrated, newer ones refused.

use generativeai::ErrorKind;
use generativeai::protocol::content::Data;
use generativeai_store::Store;
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
        assert_eq!(
            database.count("SELECT version FROM schema_version").await,
            99
        );
        assert_eq!(database.count("SELECT COUNT(*) FROM session").await, 1);
    }
}

#[tokio::test]
async fn a_store_of_each_version_can_be_read_and_continued() {
    for version in [1, 2] {
        for mut database in TestDatabase::plain().await {
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
            assert_eq!(
                database.count("SELECT version FROM schema_version").await,
                3
            );
        }
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
        assert_eq!(
            database.count("SELECT version FROM schema_version").await,
            1
        );
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
    for (database, version) in TestDatabase::plain()
        .await
        .into_iter()
        .map(|database| (database, 0))
        .chain(
            TestDatabase::plain()
                .await
                .into_iter()
                .map(|database| (database, 1)),
        )
    {
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

        assert_eq!(
            database.count("SELECT COUNT(*) FROM schema_version").await,
            1
        );
        assert_eq!(
            database.count("SELECT COUNT(*) FROM session").await,
            sessions + 6
        );
        assert_eq!(
            database.count("SELECT COUNT(*) FROM event").await,
            events + 12
        );
    }
}
