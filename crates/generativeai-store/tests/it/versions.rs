//! Tables of other versions: read, brought up to date by one, refused if they are newer.

use generativeai::ErrorKind;
use generativeai::protocol::content::Data;
use generativeai_store::Store;
use tokio::task::JoinSet;

use crate::support::child::{Told, address, command, tell};
use crate::support::{Place, assert_kind, counting, key, stored};

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_and_left_as_they_are() {
    for place in Place::plain().await {
        place.open().await.new_session("one").await.unwrap();
        place
            .execute("UPDATE schema_version SET version = 99")
            .await;

        let error = assert_kind(Store::open(&place.address).await, ErrorKind::TooNew);
        assert!(error.to_string().contains("update"), "{error}");
        assert_eq!(place.count("SELECT version FROM schema_version").await, 99);
        assert_eq!(place.count("SELECT COUNT(*) FROM session").await, 1);
    }
}

#[tokio::test]
async fn a_store_of_each_version_is_read_and_gone_on_with() {
    for version in [1, 2] {
        for mut place in Place::plain().await {
            place.fixture(version).await;
            // The store of version 2 is encrypted.
            place.key = (version == 2).then(|| key(1));

            let store = place.open().await;
            let session = store.session("mountains").await.unwrap();
            let said = [
                "How tall is Ben Nevis?",
                "1,345 metres.",
                "And Snowdon?",
                "1,085 metres.",
            ];
            assert_eq!(stored(&session).await, said, "{version}");
            let fork = store.session("fork").await.unwrap();
            assert_eq!(stored(&fork).await, said[..2]);
            assert_eq!(store.search("snowdon").await.unwrap().len(), 1);
            let picture = store.session("picture").await.unwrap();
            let blob = &picture.contents().await.unwrap()[0].parts[0];
            let Some(Data::InlineData(blob)) = &blob.data else {
                panic!("{blob:?}");
            };
            assert_eq!(blob.bytes().unwrap(), vec![7; 3_000]);
            let mut chat = session.chat(&counting(1)).await.unwrap();
            chat.send_message("On").await.unwrap();
            assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
            assert_eq!(place.count("SELECT version FROM schema_version").await, 2);
        }
    }
}

#[tokio::test]
async fn a_step_that_breaks_off_leaves_the_tables_as_they_were() {
    for place in Place::plain().await {
        place.fixture(1).await;
        // In the way of the last but one statement of the step to version 2.
        place.execute("CREATE TABLE event_cipher (x BIGINT)").await;

        assert_kind(Store::open(&place.address).await, ErrorKind::Storage);
        assert_eq!(place.count("SELECT version FROM schema_version").await, 1);
        let column = "SELECT COUNT(*) FROM event WHERE cipher IS NULL";
        assert!(!place.accepts(column).await);
        place.execute("DROP TABLE event_cipher").await;
        let session = place.open().await.session("mountains").await.unwrap();
        assert_eq!(stored(&session).await.len(), 4);
    }
}

async fn migrate_and_say(address: &str) {
    let store = Store::open(address).await.unwrap();
    let session = store.new_session("").await.unwrap();
    let mut chat = session.chat(&counting(1)).await.unwrap();
    chat.send_message("a").await.unwrap();
    assert!(chat.unsaved().is_none());
    tell("done");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_migrate_at_once_one_does() {
    if let Some(address) = address() {
        return migrate_and_say(&address).await;
    }
    for (place, version) in Place::plain()
        .await
        .into_iter()
        .map(|place| (place, 0))
        .chain(Place::plain().await.into_iter().map(|place| (place, 1)))
    {
        place.fixture(version).await;
        let sessions = 3 * version as i64;
        let events = 6 * version as i64;
        let processes: Vec<_> = (0..6)
            .map(|_| {
                let test = "versions::of_many_that_migrate_at_once_one_does";
                command(test, &place.address).spawn().unwrap()
            })
            .collect();
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let address = place.address.clone();
            tasks.spawn(async move { Store::open(&address).await.map(drop) });
        }
        while let Some(opened) = tasks.join_next().await {
            opened.unwrap().unwrap();
        }
        for mut process in processes {
            let told: Vec<String> = Told::by(&mut process).collect();
            assert_eq!(told, ["done"]);
            assert!(process.wait().unwrap().success());
        }

        assert_eq!(place.count("SELECT COUNT(*) FROM schema_version").await, 1);
        assert_eq!(
            place.count("SELECT COUNT(*) FROM session").await,
            sessions + 6
        );
        assert_eq!(place.count("SELECT COUNT(*) FROM event").await, events + 12);
    }
}
