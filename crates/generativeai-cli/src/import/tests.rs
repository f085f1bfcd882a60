//! Files of the Gemini API and of other programs.

use super::*;

fn texts(json: &str) -> Vec<(String, String)> {
    let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
    let contents = imported.contents.iter().map(|content| {
        let role = content.role.as_ref().expect("a role");
        let texts: Vec<_> = content.parts.iter().filter_map(Part::as_text).collect();
        (role.as_str().to_owned(), texts.concat())
    });
    contents.collect()
}

/// Row 23 of tests/field.md, finding 9 of tests/newcomer.md.
#[test]
fn files_of_the_api_and_of_other_programs_are_read() {
    let pair = [("user", "Hi"), ("model", "Hello!")];
    let pair = pair.map(|(role, text)| (role.to_owned(), text.to_owned()));
    for json in [
        r#"[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]}]"#,
        r#"{"contents":[{"parts":{"text":"Hi"}},{"role":"model","parts":["Hello!"]}],"systemInstruction":{"parts":[{"text":"Be kind."}]}}"#,
        r#"{"contents":[{"role":"user","parts":[[{"text":"Hi"}]]},{"role":"model","parts":[{"text":"Hel"},[{"text":"lo!"}]]}]}"#,
        r#"{"model":{},"history":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Hello!"}]}]}"#,
        r#"{"runSettings":{},"chunkedPrompt":{"chunks":[{"text":"Hi","role":"user"},{"text":"Hm","role":"model","isThought":true},{"text":"Hello!","role":"model"}],"pendingInputs":[]}}"#,
        r#"{"model":"x","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Hello!"}]}"#,
        r#"[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]"#,
        r#"{"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Hello!"}]}"#,
        r#"[{"name":"x","chat_messages":[{"sender":"human","text":"Hi"},{"sender":"assistant","text":"Hello!"}]}]"#,
        r#"{"sessionId":"1","messages":[{"type":"user","content":"Hi"},{"type":"gemini","content":"Hello!"}]}"#,
        "{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"Hi\"}}\n{\"type\":\"assistant\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello!\"}}\n",
        r#"[{"prompt":"Hi","response":"Hello!"}]"#,
        // LangChain: `messages_to_dict`, and `dumpd`.
        r#"[{"type":"human","data":{"content":"Hi","type":"human"}},{"type":"ai","data":{"content":"Hello!"}}]"#,
        r#"[{"lc":1,"type":"constructor","id":["langchain","HumanMessage"],"kwargs":{"content":"Hi","type":"human"}},{"lc":1,"type":"constructor","kwargs":{"type":"ai","content":[{"type":"text","text":"Hello!"}],"tool_calls":[]}}]"#,
        // An export of ChatGPT: a tree, in which only the current path counts.
        r#"[{"title":"t","current_node":"c","mapping":{
            "r":{"id":"r","message":null,"parent":null,"children":["s"]},
            "s":{"message":{"author":{"role":"system"},"content":{"content_type":"text","parts":[""]}},"parent":"r","children":["a"]},
            "a":{"message":{"author":{"role":"user"},"content":{"content_type":"text","parts":["Hi"]}},"parent":"s","children":["b","c"]},
            "b":{"message":{"author":{"role":"assistant"},"content":{"content_type":"text","parts":["Bye"]}},"parent":"a","children":[]},
            "c":{"message":{"author":{"role":"assistant"},"recipient":"all","content":{"content_type":"text","parts":["Hello!"]}},"parent":"a","children":[]}}}]"#,
        r#"{"chat":{"history":{"currentId":"2"},"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}}"#,
        // The Responses API, Anthropic's API, Vercel's AI SDK.
        r#"{"model":"x","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]},{"type":"reasoning","summary":[]},{"role":"assistant","content":[{"type":"output_text","text":"Hello!"}]}]}"#,
        r#"{"model":"x","input":[{"role":"user","content":"Hi"},{"type":"web_search_call","id":"ws_1","status":"completed"},{"role":"assistant","content":"Hello!"}]}"#,
        r#"{"system":"Be kind.","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"Hm"},{"type":"text","text":"Hello!"}]}]}"#,
        r#"[{"id":"1","role":"user","parts":[{"type":"text","text":"Hi"}]},{"id":"2","role":"assistant","parts":[{"type":"step-start"},{"type":"text","text":"Hello!"}]}]"#,
    ] {
        assert_eq!(texts(json), pair, "{json}");
    }
}

#[test]
fn the_system_instruction_is_read_wherever_it_is() {
    let chunks = r#""chunkedPrompt":{"chunks":[{"text":"Hi","role":"user"}]}"#;
    let history = r#""history":[{"role":"user","parts":[{"text":"Hi"}]}]"#;
    let kind = r#""systemInstruction":{"parts":[{"text":"Be kind."}]}"#;
    for json in [
        r#"{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"}]}"#
            .to_owned(),
        format!(r#"{{"systemInstruction":{{"text":"Be kind."}},{chunks}}}"#),
        format!(r#"{{"system":"Be kind.",{history}}}"#),
        // The Responses API.
        r#"{"instructions":"Be kind.","input":"Hi"}"#.to_owned(),
        // A file of /save.
        format!(r#"{{"model":{{"name":"models/m",{kind}}},{history}}}"#),
        format!(r#"{{"request":{{{kind},{history}}}}}"#),
    ] {
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        assert_eq!(imported.instruction.as_deref(), Some("Be kind."), "{json}");
        assert_eq!(imported.contents.len(), 1, "{json}");
    }
    for empty in [
        "{}",
        "\"\"",
        "null",
        r#"{"parts":[]}"#,
        r#"{"parts":{"text":""}}"#,
    ] {
        let json = format!(r#"{{"systemInstruction":{empty},{chunks}}}"#);
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        assert_eq!(imported.instruction, None, "{json}");
    }
}

/// Row 23 of tests/field.md.
#[test]
fn the_calls_of_other_apis_are_read_with_their_results() {
    for json in [
        r#"[{"role":"user","content":"Time?"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"clock","arguments":"{\"zone\":\"UTC\"}"}}]},
            {"role":"tool","tool_call_id":"1","content":"12:00"}]"#,
        r#"{"input":[{"role":"user","content":"Time?"},
            {"type":"function_call","call_id":"1","id":"fc_1","name":"clock","arguments":"{\"zone\":\"UTC\"}"},
            {"type":"function_call_output","call_id":"1","output":"12:00"}]}"#,
        r#"[{"role":"user","content":"Time?"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"clock","input":{"zone":"UTC"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"12:00"}]}]}]"#,
        r#"[{"type":"human","data":{"content":"Time?"}},
            {"type":"ai","data":{"content":"","tool_calls":[{"name":"clock","args":{"zone":"UTC"},"id":"1"}]}},
            {"type":"tool","data":{"content":"12:00","tool_call_id":"1"}}]"#,
    ] {
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        let call = imported.contents[1].parts[0].as_function_call();
        let call = call.expect("a call");
        assert_eq!(call.arg("zone"), Some(&"UTC".into()));
        let response = imported.contents[2].parts[0].as_function_response();
        let response = response.expect("a response");
        assert_eq!(response.name.as_deref(), Some("clock"));
        assert_eq!(response.id.as_deref(), Some("1"));
        assert_eq!(response.response.as_ref().unwrap()["result"], "12:00");
    }
}

/// Row 23 of tests/field.md: requests that programs sent to OpenAI and to Ollama.
#[test]
fn embedded_media_of_other_apis_are_read() {
    for (json, kind) in [
        (
            r#"[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}]}]"#,
            "audio/mpeg",
        ),
        (
            r#"[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}]}]"#,
            "application/pdf",
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_data":"data:application/pdf;base64,AAAA"}]}]}"#,
            "application/pdf",
        ),
        (
            r#"{"messages":[{"role":"user","content":"","images":["/9j/AAAA"]}]}"#,
            "image/jpeg",
        ),
        (
            r#"{"messages":[{"role":"user","images":["iVBORw0K"]}]}"#,
            "image/png",
        ),
    ] {
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        let [part] = &imported.contents[0].parts[..] else {
            panic!("{json}: {:?}", imported.contents);
        };
        let blob = part.as_inline_data().expect("inline data");
        assert_eq!(blob.mime_type.as_deref(), Some(kind), "{json}");
    }
}

/// Row 23 of tests/field.md: screenshots in the results of tools.
#[test]
fn media_in_the_results_of_functions_are_read() {
    for json in [
        r#"[{"role":"user","content":"Look!"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[
                {"type":"text","text":"a cat"},{"type":"tool_reference","tool_name":"x"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}]"#,
        // The forms of the Model Context Protocol and of OpenAI's API, strings, and media that is not embedded.
        r#"[{"role":"user","content":"Look!"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[
                "a cat",null,{"type":"image","source":{"type":"url","url":"https://cat.example"}},
                {"type":"image","data":"AAAA","mimeType":"image/png"}]}]}]"#,
        r#"[{"role":"user","content":"Look!"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[
                {"type":"resource","resource":{"text":"a cat"}},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}]"#,
        r#"{"input":[{"role":"user","content":"Look!"},
            {"type":"function_call","call_id":"1","name":"look","arguments":"{}"},
            {"type":"function_call_output","call_id":"1","output":[
                {"type":"input_text","text":"a cat"},
                {"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}]}"#,
        r#"[{"role":"user","parts":[{"text":"Look!"}]},
            {"role":"model","parts":[{"functionCall":{"id":"1","name":"look","args":{}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"1","response":{"result":"a cat"},
                "parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]}]"#,
    ] {
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        let response = imported.contents[2].parts[0].as_function_response();
        let response = response.expect("a response");
        assert_eq!(response.name.as_deref(), Some("look"), "{json}");
        let result = response.response.as_ref().expect("a result")["result"].as_str();
        assert!(
            result.is_some_and(|text| text.starts_with("a cat")),
            "{json}"
        );
        let blob = response.parts[0].inline_data.as_ref();
        assert_eq!(blob.expect("bytes").data.as_deref(), Some("AAAA"), "{json}");
        for kept in ["tool_name", "cat.example"] {
            let is_kept = result.is_some_and(|text| text.contains(kept));
            assert_eq!(is_kept, json.contains(kept), "{json}");
        }
        assert!(result.is_some_and(|text| !text.contains("AAAA") && !text.contains("null")));
    }
}

/// Row 23 of tests/field.md: an export of a spoken conversation with ChatGPT.
#[test]
fn the_transcription_of_speech_is_text() {
    let json = r#"{"mapping":{"a":{"message":{"author":{"role":"user"},"content":{"content_type":"multimodal_text",
        "parts":[{"content_type":"audio_transcription","text":"Hi","direction":"in"},
            {"content_type":"real_time_user_audio_video_asset_pointer","audio_asset_pointer":{}}]}}}}}"#;

    let imported = parse(json.as_bytes()).expect("a conversation");

    assert_eq!(imported.contents, [Content::user("Hi")]);
}

#[test]
fn code_of_a_reply_is_text() {
    let json = r#"{"mapping":{"a":{"message":{"author":{"role":"assistant"},"recipient":"all",
        "content":{"content_type":"code","language":"unknown","text":"print(1)"}}}}}"#;

    let imported = parse(json.as_bytes()).expect("a conversation");

    assert_eq!(imported.contents, [Content::model("print(1)")]);
}

#[test]
fn empty_messages_are_omitted() {
    for empty in [
        r#"{"role":"assistant","content":""}"#,
        r#"{"role":"model","parts":[{"text":""}]}"#,
        r#"{"role":"assistant","content":null,"tool_calls":[]}"#,
        r#"{"role":"system","content":""}"#,
    ] {
        let json = format!(r#"[{{"role":"user","content":"Hi"}},{empty}]"#);
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        assert_eq!(imported.contents, [Content::user("Hi")], "{json}");
        assert_eq!(imported.instruction, None, "{json}");
    }
}

#[test]
fn arguments_that_are_encoded_twice_or_an_empty_list_are_read() {
    for (arguments, count) in [
        (r#""\"{\\\"zone\\\":\\\"UTC\\\"}\"""#, 1),
        (r#""[]""#, 0),
        ("[]", 0),
    ] {
        let json = format!(
            r#"[{{"role":"user","content":"Time?"}},
                {{"type":"function_call","call_id":"1","name":"clock","arguments":{arguments}}},
                {{"type":"function_call_output","call_id":"1","output":""}}]"#
        );
        let imported = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));

        let call = imported.contents[1].parts[0].as_function_call();
        let arguments = call.and_then(|call| call.args.clone());
        assert_eq!(arguments.map(|it| it.len()), Some(count), "{json}");
    }
}

#[test]
fn parts_of_the_api_are_kept_as_they_are() {
    let json = r#"[{"role":"user","parts":[{"text":"Hi"}]},
        {"role":"model","parts":[{"text":"Hello!","novel":1},{"text":"","thoughtSignature":"c2ln"},{"thoughtSignature":"c2ln"}]}]"#;

    let imported = parse(json.as_bytes()).expect("a conversation");

    let written = serde_json::to_value(&imported.contents).expect("JSON");
    let read: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(written, read);
}

/// Row 23 of tests/field.md: Windows programs write a byte order mark, or UTF-16.
#[test]
fn files_in_other_encodings_of_unicode_are_read() {
    let json = r#"[{"role":"user","content":"Grüß 😀"}]"#;
    let units = || std::iter::once(0xFEFF).chain(json.encode_utf16());
    for bytes in [
        [b"\xEF\xBB\xBF", json.as_bytes()].concat(),
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
    ] {
        let imported = parse(&bytes).expect("a conversation");

        assert_eq!(imported.contents, [Content::user("Grüß 😀")]);
    }
}

/// Row 23 of tests/field.md.
#[test]
fn a_file_that_is_not_a_conversation_is_refused_with_the_reason() {
    for (json, reason) in [
        ("", "not JSON"),
        ("Hello", "not JSON"),
        ("7", "no messages"),
        ("{}", "no messages"),
        ("[]", "no messages"),
        (r#"{"contents":[]}"#, "no messages"),
        (
            r#"[{"role":"system","content":"Be brief."}]"#,
            "no messages",
        ),
        (r#"{"name":"x","age":3}"#, "only `name`, `age`"),
        (
            r#"[{"role":"narrator","content":"Hi"}]"#,
            "message 1: unknown role `narrator`",
        ),
        (
            r#"[{"role":"user","content":"Hi"},{"role":"model"}]"#,
            "message 2: it has no text",
        ),
        (r#"[{"messages":[]},{"messages":[]}]"#, "2 conversations"),
        (r#"[{"mapping":{}},{"mapping":{}}]"#, "2 conversations"),
        (
            r#"{"current_node":"a","mapping":{"a":{"parent":"b"},"b":{"parent":"a"}}}"#,
            "form a cycle",
        ),
        (
            r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}]"#,
            "message 1: it answers a function call that is not in the file",
        ),
        (
            r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x"}}]}]"#,
            "message 1: the image is a URL",
        ),
        (
            r#"[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]"#,
            "message 1: an image has no data",
        ),
        (
            r#"[{"role":"user","content":{"parts":[{"content_type":"image_asset_pointer","asset_pointer":"f"},"What?"]}}]"#,
            "message 1: a part of the type `image_asset_pointer` cannot be read",
        ),
        (
            r#"[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]"#,
            "message 1: a file is not embedded",
        ),
    ] {
        let error = parse(json.as_bytes()).expect_err(json).to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
}

#[test]
fn a_conversation_that_would_take_gigabytes_of_memory_is_refused() {
    let error = parse(&vec![b'['; MAX_CONVERSATION + 1]).expect_err("too large");
    assert!(error.to_string().contains("256 MiB"), "{error}");

    let line = format!(
        "{{\"generativeaiSession\":1,\"name\":\"{}\"}}",
        "a".repeat(MAX_HEADER)
    );
    assert!(!is_event_log(line.as_bytes()));
    assert!(is_event_log(
        b"{\"generativeaiSession\":1,\"name\":\"x\"}\n"
    ));
}

#[test]
fn the_unfinished_turn_of_a_saved_chat_is_read() {
    let file = |unfinished: &str| {
        format!(
            r#"{{"model":{{"name":"models/m"}},"history":[{{"role":"user","parts":[{{"text":"Hi"}}]}},
            {{"role":"model","parts":[{{"text":"Hello!"}}]}}],"unfinished":{{"sent":{{"role":"user",
            "parts":[{{"text":"Write it"}}]}},{unfinished}}}}}"#
        )
    };
    let waiting = r#""received":{"candidates":[{"content":{"role":"model","parts":[
        {"functionCall":{"name":"write","args":{}}}]},"finishReason":"STOP"}]},
        "approval":{"id":"x","decisions":{}},
        "reason":{"awaitingApproval":[{"id":"x-0","call":{"name":"write","args":{}}}]}"#;

    for (unfinished, roles) in [
        (r#""reason":"interrupted""#, &["user", "model", "user"][..]),
        (waiting, &["user", "model", "user", "model", "user"]),
    ] {
        let texts = texts(&file(unfinished));
        let read: Vec<_> = texts.iter().map(|(role, _)| role.as_str()).collect();
        assert_eq!(read, roles);
        assert_eq!(texts[2].1, "Write it");
    }
}
