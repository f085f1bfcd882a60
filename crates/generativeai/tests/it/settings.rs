//! Settings of a model and of a message in the requests of a chat.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::request::ModelArmorConfig;
use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel};
use serde_json::json;

use crate::support::chats::chat;

#[tokio::test]
async fn more_than_one_candidate_is_refused_in_a_chat() {
    let mut chat = chat(Scripted::default().then_text("A"));
    let two = GenerationConfig::default().candidate_count(2);

    let error = chat
        .send_message("a")
        .generation_config(two.clone())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("candidate_count"), "{error}");
    chat.send_message("a").await.unwrap();
    let chat = GenerativeModel::new("m")
        .generation_config(two)
        .backend(Scripted::default());
    assert_eq!(
        chat.start_chat().check().unwrap_err().kind(),
        ErrorKind::Request
    );
}

#[tokio::test]
async fn the_settings_of_a_message_merge_over_the_models() {
    let script = Scripted::default().then_text("A").then_text("B");
    let model = GenerativeModel::new("m")
        .generation_config(GenerationConfig::default().temperature(0.5).seed(7))
        .backend(script.clone());
    let mut chat = model.start_chat();

    let hot = GenerationConfig::default().temperature(2.0);
    chat.send_message("a").generation_config(hot).await.unwrap();
    chat.send_message("b").await.unwrap();

    let sent = script.requests();
    let config = |at: usize| *sent[at].generation_config.clone().unwrap();
    assert_eq!(
        config(0),
        GenerationConfig::default().temperature(2.0).seed(7)
    );
    assert_eq!(
        config(1),
        GenerationConfig::default().temperature(0.5).seed(7)
    );
}

/// Row 29 of tests/field.md.
#[tokio::test]
async fn members_of_a_request_can_be_set_for_the_model_and_for_a_message() {
    let script = Scripted::always("Hello!");
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .labels([("team", "a"), ("env", "test")])
        .service_tier("FLEX")
        .store(false)
        .model_armor_config(ModelArmorConfig::default().prompt_template_name("p"))
        .request_member("outputConfig", json!({"x": 1}))
        .request_member("brandNew", 1);
    let saved = serde_json::to_string(&model.start_chat()).unwrap();
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    for mut chat in [model.start_chat(), loaded.backend(script.clone())] {
        chat.send_message("Hi").await.unwrap();
        let message = chat
            .send_message("Hi")
            .labels([("env", "prod")])
            .service_tier("priority");
        let message = message
            .store(true)
            .request_member("brandNew", 2)
            .request_member("other", true);
        message.stream().finish().await.unwrap();

        let requests = script.requests();
        let [sent, overridden] = &requests[requests.len() - 2..] else {
            unreachable!("two requests")
        };
        let mut sent = serde_json::to_value(sent).unwrap();
        sent.as_object_mut().unwrap().remove("contents");
        assert_eq!(
            sent,
            json!({
                "model": "models/m", "labels": {"team": "a", "env": "test"}, "serviceTier": "flex", "store": false,
                "modelArmorConfig": {"promptTemplateName": "p"}, "outputConfig": {"x": 1}, "brandNew": 1,
            })
        );
        let overridden = serde_json::to_value(overridden).unwrap();
        assert_eq!(overridden["labels"], json!({"team": "a", "env": "prod"}));
        assert_eq!(overridden["serviceTier"], "priority");
        assert_eq!(overridden["store"], true);
        assert_eq!(
            overridden["modelArmorConfig"],
            json!({"promptTemplateName": "p"})
        );
        assert_eq!(
            [&overridden["brandNew"], &overridden["other"]],
            [&json!(2), &json!(true)]
        );
    }
    for name in ["generationConfig", "safety_settings", "labels"] {
        let error = model
            .generate_content("Hi")
            .request_member(name, json!({}))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
