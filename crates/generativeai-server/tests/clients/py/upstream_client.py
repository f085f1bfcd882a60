"""The official Python client `google-genai`, with an OpenAI-compatible server behind the Gemini API."""

import asyncio
import json

from checks import BASE, KEY, MODEL, SCHEMA, check, done, expect_error, valid
from google import genai
from google.genai import types

GEMINI = "gemini-2.5-flash"
SHORT = types.GenerateContentConfig(max_output_tokens=16, temperature=0, seed=1)
JSON = types.GenerateContentConfig(
    response_mime_type="application/json", response_schema=SCHEMA, max_output_tokens=200, temperature=0
)
DECLARATION = types.FunctionDeclaration(
    name="get_height", description="The height of a mountain.", parameters=SCHEMA
)


def client(key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=BASE))


def tokens(reply):
    return reply.usage_metadata.prompt_token_count


def replies(c):
    names = [model.name for model in c.models.list()]
    check(f"models/{MODEL}" in names, names)
    one = c.models.generate_content(model=GEMINI, contents="Hello there", config=SHORT)
    check(one.text and tokens(one) > 0 and one.candidates[0].finish_reason, one)
    chunks = list(c.models.generate_content_stream(model=GEMINI, contents="Hello there", config=SHORT))
    check(len(chunks) > 1, chunks)
    check("".join(chunk.text or "" for chunk in chunks) == one.text, chunks, one)
    check(tokens(chunks[-1]) == tokens(one), chunks[-1], one)


def chat(c):
    """A streamed reply and a whole one enter the next prompt with the same number of tokens."""
    prompts = []
    for is_streamed in (True, False):
        talk = c.chats.create(model=GEMINI, config=SHORT)
        if is_streamed:
            check("".join(chunk.text or "" for chunk in talk.send_message_stream("Count to five.")))
        else:
            check(talk.send_message("Count to five.").text)
        prompts.append(tokens(talk.send_message("And backwards?")))
    check(prompts[0] == prompts[1], prompts)


def schema(c):
    valid(json.loads(c.models.generate_content(model=GEMINI, contents="A mountain", config=JSON).text))


def functions(c):
    """A call and its response in the history reach the model."""
    config = SHORT.model_copy(update={"tools": [types.Tool(function_declarations=[DECLARATION])]})
    call = types.Part.from_function_call(name="get_height", args={"name": "Ben Nevis", "metres": 0})
    prompts = []
    for height in ("1345", "1345 metres above the sea, as surveyors measured it"):
        response = types.Part.from_function_response(name="get_height", response={"height": height})
        contents = [
            types.Content(role="user", parts=[types.Part(text="How tall is Ben Nevis?")]),
            types.Content(role="model", parts=[call]),
            types.Content(role="user", parts=[response]),
        ]
        prompts.append(tokens(c.models.generate_content(model=GEMINI, contents=contents, config=config)))
    check(prompts[1] > prompts[0] + 5, prompts)


def errors(c):
    wrong = client("wrong")  # a client without references closes itself
    expect_error(lambda: wrong.models.generate_content(model=GEMINI, contents="Hi"), 400)
    expect_error(lambda: c.models.generate_content(model="no-such-model", contents="Hi"), 404)
    too_long = "word " * 9000
    error = expect_error(lambda: c.models.generate_content(model=GEMINI, contents=too_long), 400)
    check("context" in str(error), error)


async def asynchronous(c):
    questions = [c.aio.models.generate_content(model=GEMINI, contents=f"Number {n}", config=SHORT) for n in range(6)]
    check(all(reply.text for reply in await asyncio.gather(*questions)))
    stream = await c.aio.models.generate_content_stream(model=GEMINI, contents="Hello", config=SHORT)
    check("".join([chunk.text or "" async for chunk in stream]))


google = client()
replies(google)
chat(google)
schema(google)
functions(google)
errors(google)
asyncio.run(asynchronous(google))
done("google-genai with an upstream server")
