"""LiteLLM."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it fetches a table of prices

import litellm  # noqa: E402
from checks import BASE, KEY, SCHEMA, STAND_IN, check, done, expect_failure, valid  # noqa: E402

litellm.suppress_debug_info = True
JSON_SCHEMA = json.loads(json.dumps(SCHEMA).replace("OBJECT", "object").replace("STRING", "string").replace("INTEGER", "integer"))
TOOL = {"type": "function", "function": {"name": "get_height", "description": "The height of a mountain.", "parameters": JSON_SCHEMA}}


def ask(messages, name="gemini-2.5-flash", key=KEY, **settings):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    settings = {"temperature": 0, "max_tokens": 200, "num_retries": 0} | settings
    return litellm.completion(model=f"gemini/{name}", api_base=f"{BASE}/v1beta", api_key=key, messages=messages, **settings)


def one():
    reply = ask("Hello there")
    text = reply.choices[0].message.content
    check(text, reply)
    check(not STAND_IN or text == "You said: Hello there (0 before)", text)
    check(reply.usage.prompt_tokens > 0, reply)


def second_turn_after_stream():
    """A streamed reply and a whole one enter the next prompt with the same number of tokens."""
    whole = ask("Hello there").choices[0].message.content
    chunks = [chunk.choices[0].delta.content or "" for chunk in ask("Hello there", stream=True)]
    check("".join(chunks) == whole, chunks, whole)
    replies = []
    for text in (whole, "".join(chunks)):
        messages = [("user", "Hello there"), ("assistant", text), ("user", "And you?")]
        replies.append(ask([{"role": role, "content": content} for role, content in messages]))
    check(replies[0].usage.prompt_tokens == replies[1].usage.prompt_tokens, replies)
    check(replies[0].choices[0].message.content == replies[1].choices[0].message.content, replies)


def schema():
    form = {"type": "json_schema", "json_schema": {"name": "mountain", "schema": JSON_SCHEMA, "strict": True}}
    valid(json.loads(ask("A mountain", response_format=form).choices[0].message.content))


def function():
    messages = [{"role": "user", "content": "get_height of Ben Nevis"}]
    call = ask(messages, tools=[TOOL], tool_choice="required").choices[0].message
    check([one.function.name for one in call.tool_calls] == ["get_height"], call)
    valid(json.loads(call.tool_calls[0].function.arguments))
    answer = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": '{"metres_above_sea": 1345}'}
    reply = ask([*messages, call.model_dump(), answer], tools=[TOOL]).choices[0].message
    check(reply.content or reply.tool_calls, reply)
    check(not STAND_IN or "1345" in reply.content, reply)


def failures():
    expect_failure(lambda: ask("Hello", name="no-such-model"), "NOT_FOUND")
    expect_failure(lambda: ask("Hello", key="wrong"), "API_KEY_INVALID")


for part in (one, second_turn_after_stream, schema, function, failures):
    part()
done("LiteLLM")
