//! Lists of sessions: by prefix, and page by page.

use generativeai::protocol::content::Content;
use generativeai_store::{SessionInfo, Store};

use crate::support::{TestDatabase, counting_model};

/// Lists the names that begin with a prefix.
async fn names(store: &Store, prefix: &str) -> Vec<String> {
    let listed = store.list().prefix(prefix).await.unwrap();
    listed.into_iter().map(|session| session.name).collect()
}

#[tokio::test]
async fn a_prefix_selects_the_names_that_begin_with_it_and_nothing_else() {
    let all = [
        "user-1/hills",
        "user-17/hills",
        "user-1%/a",
        "user-1_/a",
        "USER-1/hills",
        "user-1/\u{10ffff}\u{10ffff}",
        "user-1/é",
        "user-1",
        "user 1/hills",
        "*",
    ];
    for database in TestDatabase::all().await {
        let store = database.open().await;
        for name in all {
            store.new_session(name).await.unwrap();
        }
        let unnamed = store.new_session("").await.unwrap().id().to_string();
        let deleted = store.new_session("user-1/gone").await.unwrap();
        deleted.delete().await.unwrap();
        let longest = "x".repeat(200);
        store.new_session(&longest).await.unwrap();

        // The last written first.
        let expected = ["user-1/é", "user-1/\u{10ffff}\u{10ffff}", "user-1/hills"];
        assert_eq!(names(&store, "user-1/").await, expected);
        for (prefix, expected) in [
            ("user-1%", vec!["user-1%/a"]),
            ("user-1_", vec!["user-1_/a"]),
            ("user-1/\u{10ffff}", vec!["user-1/\u{10ffff}\u{10ffff}"]),
            ("USER", vec!["USER-1/hills"]),
            ("*", vec!["*"]),
            (&longest, vec![longest.as_str()]),
            ("%", vec![]),
            ("_", vec![]),
            ("[", vec![]),
            ("\\", vec![]),
            ("user-1/hills2", vec![]),
            ("user-1\0", vec![]),
            (&unnamed, vec![]),
            (&"x".repeat(300), vec![]),
        ] {
            assert_eq!(names(&store, prefix).await, expected, "{prefix:?}");
        }
        assert_eq!(names(&store, "user-1").await.len(), 7);
        assert_eq!(names(&store, "").await.len(), all.len() + 2);
    }
}

#[tokio::test]
async fn pages_contain_each_session_once_in_the_order_of_last_use() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let first = store.new_session("a/0").await.unwrap();
        for number in 1..6 {
            store.new_session(&format!("a/{number}")).await.unwrap();
            store.new_session(&format!("b/{number}")).await.unwrap();
        }
        let mut pages: Vec<Vec<SessionInfo>> = Vec::new();
        let mut list = store.list().prefix("a/").limit(2);
        loop {
            let page = list.clone().await.unwrap();
            let Some(last) = page.last() else { break };
            list = list.start_after(last.position);
            if pages.is_empty() {
                // Moves the last session to the front, where the later pages do not list it.
                let mut chat = first.chat(&counting_model(1)).await.unwrap();
                chat.send_message("hi").await.unwrap();
            }
            pages.push(page);
        }
        let names: Vec<Vec<&str>> = pages
            .iter()
            .map(|page| page.iter().map(|session| &*session.name).collect())
            .collect();
        assert_eq!(names, [vec!["a/5", "a/4"], vec!["a/3", "a/2"], vec!["a/1"]]);

        let latest = &store.list().limit(1).await.unwrap()[0];
        assert_eq!(latest.name, "a/0");
        assert_eq!(*latest, first.info().await.unwrap());
        let rest = store.list().start_after(latest.position).await.unwrap();
        assert_eq!(rest.len(), 10);
        assert!(store.list().limit(0).await.unwrap().is_empty());
        let all = store.list().limit(usize::MAX).start_after(u64::MAX);
        assert_eq!(all.await.unwrap().len(), 11);
    }
}

#[tokio::test]
async fn a_search_is_limited_to_a_prefix_and_to_a_number_of_hits() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        for name in [
            "user-1/hills",
            "user-17/hills",
            "",
            "user-1/lakes",
            "user-1_",
        ] {
            let contents = [Content::user("How tall is Ben Nevis?")];
            store.import_contents(name, contents).await.unwrap();
        }
        for (prefix, limit, expected) in [
            ("user-1/", 1_000, vec!["user-1/lakes", "user-1/hills"]),
            ("user-1/", 1, vec!["user-1/lakes"]),
            ("user-1_", 9, vec!["user-1_"]),
            ("", 2, vec!["user-1_", "user-1/lakes"]),
            ("", 0, vec![]),
            ("3", 9, vec![]),
            ("user-1\0", 9, vec![]),
        ] {
            let search = store.search("nevis").prefix(prefix).limit(limit);
            let hits = search.await.unwrap();
            let names: Vec<&str> = hits.iter().map(|hit| &*hit.session).collect();
            assert_eq!(names, expected, "{prefix:?} {limit}");
        }
        assert_eq!(store.search("nevis").await.unwrap().len(), 5);
    }
}
