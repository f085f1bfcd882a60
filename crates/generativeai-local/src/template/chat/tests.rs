//! Conversations rendered with small templates of several kinds.

use serde_json::{Map, json};

use crate::conversation::{Body, Call, Function, Message};

use super::*;

/// A template with a system role, and with functions in the form of Qwen2.5.
const CHAT_ML: &str = "\
    {%- if tools %}<|im_start|>system{{ '\\n' }}\
    {%- if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}\
    <tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools><|im_end|>{{ '\\n' }}\
    {%- elif messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>{{ '\\n' }}\
    {%- endif %}\
    {%- for m in messages %}\
    {%- if m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n</tool_response><|im_end|>{{ '\\n' }}\
    {%- elif m.role == 'assistant' %}<|im_start|>assistant{{ '\\n' }}\
    {%- if m.content %}{{ m.content }}{% endif %}\
    {%- for call in m.tool_calls %}{{ '\\n' }}<tool_call>\n{\"name\": \"{{ call.function.name }}\", \"arguments\": \
    {{- ' ' + (call.function.arguments | tojson) }}}\n</tool_call>{% endfor %}<|im_end|>{{ '\\n' }}\
    {%- elif not loop.first or m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{{ '\\n' }}\
    {%- endif %}{% endfor %}\
    {%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// A template without functions that rejects a system role, and requires the roles to alternate.
const NO_SYSTEM: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}\
    {{ raise_exception('System role not supported') }}{% endif %}\
    {% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\
    {{ raise_exception('roles must alternate') }}{% endif %}\
    [{{ m.role }}]{{ m.content | trim }}\n{% endfor %}[model]";
/// A template that ignores a system role.
const IGNORES_SYSTEM: &str =
    "{% for m in messages if m.role != 'system' %}{{ m.content.strip() }};{% endfor %}";
/// A template that takes content as typed pieces only.
const TYPED: &str = "{% for m in messages %}[{{ m.role }}]{% for piece in m.content %}\
    {% if piece.type == 'text' %}{{ piece.text }}{% endif %}{% endfor %}{{ '\\n' }}{% endfor %}";
/// A template that drops all but the last message.
const FORGETFUL: &str = "{{ messages[-1].content }}";
/// A template of a thinking model, in the form of Qwen3.
const THINKING: &str = "{% for m in messages %}<|im_start|>{{ m.role }}{{ '\\n' }}\
    {%- if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}\
    {{- m.content.split('</think>')[-1] }}<|im_end|>{{ '\\n' }}{% endfor %}<|im_start|>assistant{{ '\\n' }}\
    {%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}";

/// Tokens that end a reply.
const ENDS: [&str; 2] = ["</s>", "<|call|>"];

fn template(source: &str) -> Template {
    Template::new(source, "<s>", "</s>", &ENDS.map(str::to_owned)).unwrap()
}

fn message(body: Body) -> Message {
    Message {
        path: "contents[0]".to_owned(),
        body,
    }
}

fn user(text: &str) -> Message {
    message(Body::User(text.to_owned()))
}

fn assistant(text: &str) -> Message {
    reply(text, "", &[])
}

/// Returns a message of the model that calls functions without arguments.
fn reply(text: &str, thoughts: &str, calls: &[&str]) -> Message {
    let call = |name: &&str| Call {
        id: None,
        name: (*name).to_owned(),
        arguments: Map::new(),
    };
    message(Body::Assistant {
        text: text.to_owned(),
        thoughts: thoughts.to_owned(),
        calls: calls.iter().map(call).collect(),
    })
}

fn conversation(system: &str, messages: Vec<Message>) -> Conversation {
    Conversation {
        system: system.to_owned(),
        messages,
        functions: Vec::new(),
    }
}

fn with_functions() -> Conversation {
    let members = |value: Value| value.as_object().cloned().unwrap();
    Conversation {
        system: "Be brief.".to_owned(),
        messages: vec![
            user("How tall?"),
            message(Body::Assistant {
                text: String::new(),
                thoughts: String::new(),
                calls: vec![Call {
                    id: None,
                    name: "height".to_owned(),
                    arguments: members(json!({ "of": "Ben Nevis" })),
                }],
            }),
            message(Body::Tool {
                id: None,
                name: "height".to_owned(),
                content: members(json!({ "metres": 1345 })),
            }),
        ],
        functions: vec![Function {
            name: "height".to_owned(),
            description: "Returns the height".to_owned(),
            parameters: json!({ "type": "object" }),
        }],
    }
}

fn render(source: &str, conversation: &Conversation) -> Result<String> {
    let rendered = template(source).render(conversation, Thinking::Default)?;
    Ok(rendered.prompt)
}

#[test]
fn a_system_instruction_is_rendered_with_the_system_role() {
    let text = render(CHAT_ML, &conversation("Be brief.", vec![user("Hi")])).unwrap();

    assert_eq!(
        text,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn without_a_system_role_the_instruction_begins_the_first_message() {
    let conversation = conversation("Be brief.", vec![user("Hi")]);

    assert_eq!(
        render(NO_SYSTEM, &conversation).unwrap(),
        "<s>[user]Be brief.\n\nHi\n[model]"
    );
    assert_eq!(
        render(IGNORES_SYSTEM, &conversation).unwrap(),
        "Be brief.\n\nHi;"
    );
}

#[test]
fn without_a_system_role_a_later_instruction_is_text_of_the_user() {
    let later = message(Body::System("Be brief.".to_owned()));
    let messages = vec![user("Hi"), assistant("Yes?"), later, user("Bye")];

    assert_eq!(
        render(NO_SYSTEM, &conversation("", messages)).unwrap(),
        "<s>[user]Hi\n[assistant]Yes?\n[user]Be brief.\n\nBye\n[model]"
    );
}

#[test]
fn text_is_passed_as_typed_pieces_if_the_template_expects_them() {
    let conversation = conversation("Be brief.", vec![user("Hi")]);

    assert_eq!(
        render(TYPED, &conversation).unwrap(),
        "[system]Be brief.\n[user]Hi\n"
    );
}

/// Row 17 of tests/field.md: a prompt that lacks a message is never answered.
#[test]
fn a_template_that_leaves_out_a_message_is_an_error_that_names_it() {
    let mut messages = vec![user("Hi"), assistant("Hello"), user("Bye")];
    messages[0].path = "contents[7]".to_owned();

    let error = render(FORGETFUL, &conversation("", messages)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("contents[7]"), "{error}");
}

#[test]
fn the_error_of_a_template_is_reported() {
    let error = render(NO_SYSTEM, &conversation("", vec![assistant("Hi")])).unwrap_err();

    assert!(
        error.to_string().ends_with("roles must alternate"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Request);
}

#[test]
fn an_invalid_template_is_an_error() {
    assert!(Template::new("{% for %}", "", "", &[]).is_err());
}

/// Row 32 of tests/field.md: the chunks of a streamed reply are separate contents in the history of some clients.
#[test]
fn neighbouring_contents_of_the_model_are_one_message() {
    let chunks = vec![
        user("Hi"),
        assistant("Hel"),
        assistant("lo, "),
        assistant("you"),
        user("A"),
        user("B"),
    ];
    let whole = vec![user("Hi"), assistant("Hello, you"), user("A\n\nB")];

    for source in [CHAT_ML, NO_SYSTEM, TYPED] {
        assert_eq!(
            render(source, &conversation("", chunks.clone())).unwrap(),
            render(source, &conversation("", whole.clone())).unwrap()
        );
    }
}

/// Row 32 of tests/field.md: thoughts, white space and calls in separate contents.
#[test]
fn the_pieces_of_one_reply_are_one_message() {
    for (pieces, whole) in [
        (
            vec![
                reply("", "H", &[]),
                reply("", "m.", &[]),
                reply("Yes", "", &[]),
            ],
            reply("Yes", "Hm.", &[]),
        ),
        (
            vec![
                reply("One", "", &[]),
                reply("\n\n", "", &[]),
                reply(" two", "", &[]),
            ],
            reply("One\n\n two", "", &[]),
        ),
        (
            vec![
                reply("Let me", "", &[]),
                reply(" see.", "", &["a"]),
                reply("", "", &["b"]),
            ],
            reply("Let me see.", "", &["a", "b"]),
        ),
    ] {
        for source in [CHAT_ML, THINKING] {
            let prompt = |replies: &[Message]| {
                let messages = [&[user("Hi")], replies, &[user("Bye")]].concat();
                render(source, &conversation("", messages)).unwrap()
            };
            assert_eq!(prompt(&pieces), prompt(std::slice::from_ref(&whole)));
        }
    }
}

/// Row 17 of tests/field.md: `tools` are passed to templates that support them.
#[test]
fn functions_are_passed_to_a_template_that_supports_them() {
    let rendered = template(CHAT_ML)
        .render(&with_functions(), Thinking::Default)
        .unwrap();

    assert_eq!(rendered.calls, CallSyntax::default());
    assert!(rendered.prompt.contains(
        "<tools>{\"type\": \"function\", \"function\": {\"name\": \"height\", \"description\": \
         \"Returns the height\", \"parameters\": {\"type\": \"object\"}}}</tools>"
    ));
    assert!(rendered.prompt.contains(
        "<tool_call>\n{\"name\": \"height\", \"arguments\": {\"of\": \"Ben Nevis\"}}\n</tool_call>"
    ));
    assert!(
        rendered
            .prompt
            .contains("<tool_response>\n{\"metres\": 1345}\n</tool_response>")
    );
    assert!(rendered.tags.iter().any(|tag| tag == "<tool_response>"));
}

/// Row 17 of tests/field.md: templates of Llama 3 accept one call in a message, without text.
#[test]
fn calls_are_split_for_a_template_that_accepts_one_in_a_message() {
    let source = "{{ tools[0].function.name if tools }};{% for m in messages %}[{{ m.role }}]{% if m.tool_calls %}\
        {% if m.tool_calls | length > 1 %}{{ raise_exception('single calls only') }}{% endif %}\
        {% set c = m.tool_calls[0] %}{{ m.thinking }}[CALL]{{ c.function.name }}{{ c.function.arguments | tojson }}\
        {% else %}{{ m.content }}{% endif %}{% endfor %}";
    let response = |name: &str| {
        message(Body::Tool {
            id: None,
            name: name.to_owned(),
            content: Map::new(),
        })
    };
    let mut conversation = with_functions();
    conversation.messages = vec![
        user("How tall?"),
        reply("Let me see.", "Hm.", &["height", "now"]),
        response("height"),
        response("now"),
    ];

    assert_eq!(
        render(source, &conversation).unwrap(),
        "height;[system]Be brief.[user]How tall?[assistant]Let me see.\
         [assistant]Hm.[CALL]height{}[tool]{}[assistant][CALL]now{}[tool]{}"
    );
}

/// Row 17 of tests/field.md: templates of Mistral models reject other ids.
#[test]
fn ids_of_calls_have_nine_letters_and_digits() {
    let source = "{{ tools[0].function.name if tools }}{% for m in messages %}{% for c in m.tool_calls %}\
        [CALL]{{ c.id }}:{{ c.function.name }}{{ c.function.arguments | tojson }}{% else %}\
        {{ m.tool_call_id }}{{ m.content }};{% endfor %}{% endfor %}";
    for (id, expected) in [
        (None, "call00001"),
        (Some("call_0123456789"), "call00001"),
        (Some("a1B2c3D4e"), "a1B2c3D4e"),
    ] {
        let mut conversation = with_functions();
        for message in &mut conversation.messages {
            match &mut message.body {
                Body::Assistant { calls, .. } => calls[0].id = id.map(str::to_owned),
                Body::Tool { id: own, .. } => *own = id.map(str::to_owned),
                Body::System(_) | Body::User(_) => {}
            }
        }

        let prompt = render(source, &conversation).unwrap();

        assert!(
            prompt.contains(&format!("[CALL]{expected}:height")),
            "{prompt}"
        );
        assert!(
            prompt.contains(&format!("{expected}{{\"metres\"")),
            "{prompt}"
        );
    }
}

#[test]
fn functions_become_text_for_a_template_that_does_not_support_them() {
    let rendered = template(NO_SYSTEM)
        .render(&with_functions(), Thinking::Default)
        .unwrap();

    let prompt = rendered.prompt;
    assert!(prompt.starts_with("<s>[user]Be brief.\n\nYou can call these functions:\n<tools>\n"));
    assert!(
        prompt.contains("[assistant]<tool_call>\n{\"name\": \"height\", \"arguments\": {\"of\"")
    );
    assert!(prompt.ends_with(
        "[user]<tool_response>\n{\"name\": \"height\", \"content\": {\"metres\": 1345}}\n\
         </tool_response>\n[model]"
    ));
}

/// Row 18 of tests/field.md: thinking is turned off by the variable of the template.
#[test]
fn thinking_is_turned_off_if_the_template_has_a_switch() {
    let template = template(THINKING);
    let conversation = conversation("", vec![user("Hi")]);
    let prompt = |thinking| template.render(&conversation, thinking).unwrap().prompt;

    assert!(template.can_stop_thinking());
    assert!(prompt(Thinking::Default).ends_with("<|im_start|>assistant\n"));
    assert!(prompt(Thinking::Off).ends_with("<think>\n\n</think>\n\n"));
    assert!(!self::template(CHAT_ML).can_stop_thinking());
    assert_eq!(self::template(CHAT_ML).thinking(), None);
}

/// Row 18 of tests/field.md: templates whose switch has a default, or is a budget in tokens.
#[test]
fn thinking_is_turned_off_by_any_kind_of_switch() {
    for (name, switch) in [
        (
            "enable_thinking",
            "{% set enable_thinking = enable_thinking | default(true) %}",
        ),
        ("thinking_budget != 0", ""),
    ] {
        let source = format!("{switch}{{{{ messages[0].content }}}}{{{{ '<think>' if {name} }}}}");

        assert!(template(&source).can_stop_thinking(), "{name}");
    }
}

/// Row 17 of tests/field.md: the tags of an answer and of a call begin or end with the same characters.
#[test]
fn a_call_begins_and_ends_with_whole_tags() {
    let template_of = |call: &str, text: &str| {
        let source = format!(
            "{{{{ tools[0].function.name if tools }}}}\
             {{% for m in messages %}}{{% for c in m.tool_calls %}}{call}{{% else %}}{{% if m.role == 'assistant' %}}\
             {text}{{% else %}}{{{{ m.content }}}}{{% endif %}}{{% endfor %}}{{% endfor %}}"
        );
        template(&source)
    };
    let name = "{{ c.function.name }}";
    let arguments = "{{ c.function.arguments | tojson }}";
    for (call, text, expected) in [
        (
            format!("<think></think><|START_CALL|>[{name}: {arguments}]<|END_CALL|></s>"),
            "<|START_TEXT|>{{ m.content }}<|END_TEXT|></s>{# <think> #}",
            ["<|START_CALL|>[", ": ", "]<|END_CALL|>"],
        ),
        (
            format!("<|start|> to={name}<|message|>{arguments}<|call|>"),
            "<|start|>{{ m.content }}<|return|>",
            ["to=", "<|message|>", ""],
        ),
    ] {
        let rendered = template_of(&call, text).render(&with_functions(), Thinking::Default);

        let calls = rendered.unwrap().calls;
        assert_eq!(
            [
                calls.before_name,
                calls.before_arguments,
                calls.after_arguments
            ],
            expected
        );
    }
}

/// Row 17 of tests/field.md: templates whose calls are not JSON.
#[test]
fn the_form_of_the_arguments_is_found() {
    let source = "<name>{{ tools[0].function.name if tools }}</name>{% for m in messages %}[{{ m.role }}]{{ m.content }}\
        {% if m.tool_calls %}<think></think>\n<calls>\n{% for c in m.tool_calls %}<do \"{{ c.function.name }}\">\n\
        {% for k, v in c.function.arguments | dictsort %}<set {{ k }}>{{ v if v is string else v | tojson }}</set>\n\
        {% endfor %}</do>\n{% endfor %}</calls></s>{% endif %}{% endfor %}";

    let rendered = template(source).render(&with_functions(), Thinking::Default);

    let Rendered {
        calls,
        prompt,
        tags,
        ..
    } = rendered.unwrap();
    // Tags of the declarations, and those inside a call, may occur in text.
    for (tag, is_forbidden) in [
        ("<calls>", true),
        ("</calls>", true),
        ("</set>", false),
        ("</do>", false),
        ("<name>", false),
    ] {
        assert_eq!(tags.iter().any(|it| it == tag), is_forbidden, "{tag}");
    }
    assert!(prompt.contains("<do \"height\">\n<set of>Ben Nevis</set>\n</do>"));
    assert_eq!(calls.start(), "<calls>");
    assert!(calls.is_untyped());
    assert_eq!(calls.between_calls.as_deref(), Some("</do>\n<do \""));
    let text = "<calls>\n<do \"a\">\n<set x>1\n2</set>\n</do>\n<do \"b\">\n</do>\n</calls>";
    let (parsed, length) = calls.parse(text).unwrap();
    assert_eq!((parsed.len(), length), (2, text.len()));
    assert_eq!(parsed[0].1["x"], "1\n2");
}

/// Row 18 of tests/field.md: templates that open the tag themselves.
#[test]
fn a_prompt_that_opens_the_thoughts_is_recognised() {
    let source = "{% for m in messages %}{{ m.content }}{% endfor %}<|assistant|><think>\n";

    let rendered = template(source)
        .render(&conversation("", vec![user("Hi")]), Thinking::Default)
        .unwrap();

    assert!(rendered.thoughts.unwrap().is_open);
}

#[test]
fn thoughts_are_passed_to_the_template() {
    let messages = vec![user("Hi"), reply("Hello", "Hm.", &[])];

    let text = render(THINKING, &conversation("", messages)).unwrap();

    assert!(text.contains("<think>\nHm.\n</think>\n\nHello"), "{text}");
}
