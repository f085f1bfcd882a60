//! Forks: sessions that share their beginning.

use generativeai::ErrorKind;

use crate::support::{Place, assert_kind, counting, stored};

#[tokio::test]
async fn a_fork_goes_its_own_way_and_copies_nothing() {
    for place in Place::all().await {
        let store = place.open().await;
        let trunk = store.new_session("trunk").await.unwrap();
        let mut chat = trunk.chat(&counting(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        chat.send_message("b").await.unwrap();
        let rows = place.count("SELECT COUNT(*) FROM event").await;

        let whole = trunk.fork("whole", None).await.unwrap();
        let early = trunk.fork("", Some(2)).await.unwrap();
        let twig = whole.fork("twig", Some(1)).await.unwrap();
        assert_eq!(place.count("SELECT COUNT(*) FROM event").await, rows);
        assert_eq!(whole.info().await.unwrap().parent, Some(trunk.id()));

        let mut forked = early.chat(&counting(1)).await.unwrap();
        forked.send_message("c").await.unwrap();
        chat.rewind();
        chat.save().await.unwrap();
        assert_eq!(stored(&early).await, ["a", "0", "c", "0"]);
        assert_eq!(stored(&whole).await, ["a", "0", "b", "1"]);
        assert_eq!(stored(&trunk).await, ["a", "0"]);
        let twig = twig.chat(&counting(0)).await.unwrap();
        assert!(twig.history().is_empty() && twig.unfinished().is_some());

        assert_kind(trunk.fork("late", Some(6)).await, ErrorKind::Request);
    }
}

#[tokio::test]
async fn deleting_leaves_forks_whole_and_removes_the_rest() {
    for place in Place::all().await {
        let store = place.open().await;
        let trunk = store.new_session("trunk").await.unwrap();
        let mut chat = trunk.chat(&counting(2)).await.unwrap();
        chat.send_message("shared").await.unwrap();
        chat.send_message("private").await.unwrap();
        let branch = trunk.fork("branch", Some(2)).await.unwrap();
        let twig = branch.fork("twig", None).await.unwrap();

        trunk.delete().await.unwrap();
        trunk.delete().await.unwrap();
        assert_eq!(stored(&branch).await, ["shared", "0"]);
        assert_eq!(place.count("SELECT COUNT(*) FROM event").await, 2);
        let said = if place.key.is_some() { 0 } else { 2 };
        assert_eq!(place.count("SELECT COUNT(*) FROM said").await, said);
        assert_kind(trunk.chat(&counting(0)).await, ErrorKind::NotFound);
        assert_kind(trunk.fork("no", None).await, ErrorKind::NotFound);
        assert_kind(chat.send_message("?").await, ErrorKind::Conflict);

        branch.delete().await.unwrap();
        assert_eq!(stored(&twig).await, ["shared", "0"]);
        twig.delete().await.unwrap();
        for table in ["event", "said", "media", "session"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(place.count(&count).await, 0, "{table}");
        }
    }
}
