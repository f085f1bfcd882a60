"""The official Python client `google-genai`, blocking and async."""

import asyncio
import io
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

from checks import BASE, FAULTY, KEY, MODEL, SCHEMA, STAND_IN, TEXT
from checks import check, check_file, done, expect_error, expect_idle, valid
from google import genai
from google.genai import errors, types


def client(base=BASE, key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base))


SHORT = types.GenerateContentConfig(max_output_tokens=12, temperature=0)
BRIEF = SHORT.model_copy(update={"system_instruction": "Be brief."})
BAD = types.GenerateContentConfig(temperature=7)
GEMINI = "gemini-2.5-flash"
QUESTION = types.Content(role="user", parts=[types.Part(text="How tall is Ben Nevis?")])
DECLARATION = types.FunctionDeclaration(
    name="get_height", description="The height of a mountain.", parameters=SCHEMA
)
FORCED = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[DECLARATION])],
    tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode="ANY", allowed_function_names=["get_height"]
        )
    ),
    max_output_tokens=200,
)
JSON = types.GenerateContentConfig(
    response_mime_type="application/json", response_schema=SCHEMA, max_output_tokens=200
)


def models(c):
    names = [model.name for model in c.models.list()]
    check(f"models/{MODEL}" in names, names)
    check(c.models.get(model=MODEL).name == f"models/{MODEL}")
    check(c.models.get(model=GEMINI).name == f"models/{GEMINI}")


def unary(c):
    count = c.models.count_tokens(model=GEMINI, contents="one two three")
    check(count.total_tokens >= 3, count)
    reply = c.models.generate_content(model=GEMINI, contents="Hello there", config=SHORT)
    check(reply.text, reply)
    check(reply.model_version == MODEL, reply.model_version)
    check(reply.usage_metadata.prompt_token_count > 0, reply)
    check(not STAND_IN or reply.text == "You said: Hello there (0 before)", reply.text)


def stream(c):
    chunks = list(c.models.generate_content_stream(model=GEMINI, contents="Hello", config=SHORT))
    check(len(chunks) > 1, chunks)
    check("".join(chunk.text or "" for chunk in chunks), chunks)
    check(chunks[-1].candidates[0].finish_reason in ("STOP", "MAX_TOKENS"), chunks[-1])


def chat(c):
    talk = c.chats.create(model=GEMINI, config=BRIEF)
    for turn in range(3):
        if turn == 1:
            text = "".join(chunk.text or "" for chunk in talk.send_message_stream(f"Turn {turn}"))
        else:
            text = talk.send_message(f"Turn {turn}").text
        check(text, turn)
        # This client keeps every chunk of a stream as a separate content.
        before = len(talk.get_history()) - 2 if turn != 1 else 2
        expected = f"Be brief. You said: Turn {turn} ({before} before)"
        check(not STAND_IN or text == expected, text, expected)
    users = [content for content in talk.get_history() if content.role == "user"]
    check(len(users) == 3, talk.get_history())


def schema(c):
    valid(json.loads(c.models.generate_content(model=GEMINI, contents="A mountain", config=JSON).text))


def contents_with_response(reply):
    """The conversation after a forced call, with its answer."""
    call = reply.function_calls[0]
    check(call.name == "get_height", call)
    valid(call.args)
    answer = types.Part(
        function_response=types.FunctionResponse(
            id=call.id, name=call.name, response={"metres_above_sea": 1345}
        )
    )
    return [QUESTION, reply.candidates[0].content, types.Content(role="user", parts=[answer])]


def check_function_reply(reply):
    check(reply.text, reply)
    check(not STAND_IN or reply.text == 'The function says {"metres_above_sea":1345}', reply.text)


def function(c):
    ask = c.models.generate_content
    contents = contents_with_response(ask(model=GEMINI, contents=[QUESTION], config=FORCED))
    check_function_reply(ask(model=GEMINI, contents=contents, config=SHORT))


def elsewhere():
    """Tests the other API versions, and the paths of Vertex AI."""
    for settings, version in (({}, "v1"), ({}, "v1alpha"), ({"vertexai": True}, "v1beta1")):
        options = types.HttpOptions(base_url=BASE, api_version=version, timeout=60_000)
        c = genai.Client(api_key=KEY, http_options=options, **settings)
        check(c.models.generate_content(model=GEMINI, contents="Hello", config=SHORT).text)
        stream(c)


def failures(c):
    ask = c.models.generate_content
    expect_error(lambda: ask(model="no-such-model", contents="Hello"), 404)
    expect_error(lambda: ask(model=GEMINI, contents="Hello", config=BAD), 400)
    wrong = client(key="wrong")
    error = expect_error(lambda: wrong.models.generate_content(model=GEMINI, contents="Hello"), 400)
    check("API_KEY_INVALID" in str(error), error)


UPLOAD = {"mime_type": "text/plain", "display_name": "a \"größe\"\n.txt"}


def files(c):
    large = c.files.upload(file=io.BytesIO(TEXT.encode()), config=UPLOAD)
    check_file(large, len(TEXT.encode()))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fact.txt")
        with open(path, "w") as fact:
            fact.write("Snowdon is 1085 m high.")
        small = c.files.upload(file=path)
    check(small.state.name == "ACTIVE" and small.sha256_hash, small)
    check(c.files.get(name=small.name) == small, small)
    names = [file.name for file in c.files.list(config={"page_size": 1})]
    check(names[:2] == [small.name, large.name], names)
    talk = c.chats.create(model=GEMINI, config=SHORT)
    reply = talk.send_message(["What is this?", small])
    check(reply.text and (not STAND_IN or "Snowdon is 1085 m high." in reply.text), reply)
    check(talk.send_message("Really?").text)
    picture = c.files.upload(file=io.BytesIO(b"PNG"), config={"mime_type": "image/png"})
    if not STAND_IN:
        error = expect_error(lambda: c.models.generate_content(model=GEMINI, contents=[picture]), 400)
        check(picture.name in str(error) and "image/png" in str(error), error)
    for file in (large, small, picture):
        c.files.delete(name=file.name)
    expect_error(lambda: c.files.get(name=small.name), 403)
    expect_error(lambda: talk.send_message("Again?"), 403)


def mid_stream():
    seen = []
    faulty = client(FAULTY)  # a client without references closes itself

    def read():
        for chunk in faulty.models.generate_content_stream(model=GEMINI, contents="Hello"):
            seen.append(chunk.text)

    expect_error(read, 503)
    check(len(seen) == 1, seen)


def leave():
    c = client()
    config = types.GenerateContentConfig(max_output_tokens=4000)
    chunks = c.models.generate_content_stream(model=GEMINI, contents="Count forever.", config=config)
    next(chunks)
    chunks.close()
    c.close()
    expect_idle()


# 24 tokens: one request without hops, four with hops of 6 tokens.
LONG = types.GenerateContentConfig(max_output_tokens=24, temperature=0)
COUNT = "Count in words: one two three four five six seven eight nine ten eleven twelve thirteen fourteen " \
    "fifteen sixteen seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four."


def joined(chunks):
    """Returns the text of a stream and its finish reason. No chunk shows where a hop ended."""
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks]
    check("CONTINUATION" not in reasons, reasons)
    return "".join(chunk.text or "" for chunk in chunks), reasons[-1]


def hops():
    """Replies in hops, and streams that are cut after checkpoints, equal the reply of one request."""
    one, many, cut = (client(os.environ[name]) for name in ("SERVER_WHOLE", "SERVER_HOPS", "SERVER_CUT"))
    ask = {"model": GEMINI, "contents": COUNT, "config": LONG}
    whole = one.models.generate_content(**ask)
    expected = whole.text, whole.candidates[0].finish_reason
    for c in (many, cut):
        reply = c.models.generate_content(**ask)
        check((reply.text, reply.candidates[0].finish_reason) == expected, reply, expected)
        found = joined(list(c.models.generate_content_stream(**ask)))
        check(found == expected, found, expected)
        talk = c.chats.create(model=GEMINI, config=LONG)
        found = joined(list(talk.send_message_stream(COUNT)))
        check(found == expected, found, expected)

    token, text, count = None, "", 0
    while token or not count:
        config = LONG.model_copy(update={"automatic_continuation": False, "continuation_token": token})
        reply = many.models.generate_content(model=GEMINI, contents=COUNT, config=config)
        token, text, count = reply.candidates[0].continuation_token, text + reply.text, count + 1
    check((text, count) == (whole.text, 4), text, count)
    other = LONG.model_copy(update={"continuation_token": b"other"})
    expect_error(lambda: many.models.generate_content(model=GEMINI, contents="Hi", config=other), 400)


async def hops_asynchronous():
    held = [client(os.environ[name]) for name in ("SERVER_WHOLE", "SERVER_HOPS", "SERVER_CUT")]
    one, many, cut = (each.aio for each in held)
    ask = {"model": GEMINI, "contents": COUNT, "config": LONG}
    whole = await one.models.generate_content(**ask)
    expected = whole.text, whole.candidates[0].finish_reason
    for c in (many, cut):
        reply = await c.models.generate_content(**ask)
        check((reply.text, reply.candidates[0].finish_reason) == expected, reply, expected)
        found = joined([chunk async for chunk in await c.models.generate_content_stream(**ask)])
        check(found == expected, found, expected)


def many(c):
    def one(number):
        return c.models.generate_content(model=GEMINI, contents=f"Client {number}", config=SHORT).text

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(one, range(8)))
    check(all(texts), texts)
    expected = [f"You said: Client {number} (0 before)" for number in range(8)]
    check(not STAND_IN or texts == expected, texts)


async def asynchronous():
    held = client(), client(key="wrong"), client(FAULTY)  # a client without references closes itself
    c, wrong, faulty = (each.aio for each in held)
    names = [model.name async for model in await c.models.list()]
    check(f"models/{MODEL}" in names, names)
    check((await c.models.get(model=MODEL)).name == f"models/{MODEL}")
    count = await c.models.count_tokens(model=GEMINI, contents="one two three")
    check(count.total_tokens >= 3, count)
    stream = await c.models.generate_content_stream(model=GEMINI, contents="Hello", config=SHORT)
    chunks = [chunk async for chunk in stream]
    check(len(chunks) > 1 and chunks[-1].candidates[0].finish_reason, chunks)
    reply = await c.models.generate_content(model=GEMINI, contents="Hello there", config=SHORT)
    check(reply.text and reply.model_version == MODEL, reply)
    talk = c.chats.create(model=GEMINI, config=BRIEF)
    for turn in range(3):
        text = (await talk.send_message(f"Turn {turn}")).text
        expected = f"Be brief. You said: Turn {turn} ({2 * turn} before)"
        check(text and (not STAND_IN or text == expected), text, expected)
    check(len(talk.get_history()) == 6, talk.get_history())
    file = await c.files.upload(file=io.BytesIO(TEXT.encode()), config=UPLOAD)
    check_file(file, len(TEXT.encode()))
    check(file.name in [each.name async for each in await c.files.list()])
    await c.files.delete(name=file.name)
    reply = await c.models.generate_content(model=GEMINI, contents="A mountain", config=JSON)
    valid(json.loads(reply.text))
    reply = await c.models.generate_content(model=GEMINI, contents=[QUESTION], config=FORCED)
    contents = contents_with_response(reply)
    check_function_reply(await c.models.generate_content(model=GEMINI, contents=contents, config=SHORT))
    asked = [c.models.generate_content(model=GEMINI, contents="Hi", config=SHORT) for _ in range(8)]
    check(all(reply.text for reply in await asyncio.gather(*asked)))

    for call, code in (
        (c.models.generate_content(model="no-such-model", contents="Hello"), 404),
        (c.models.generate_content(model=GEMINI, contents="Hello", config=BAD), 400),
        (wrong.models.get(model=GEMINI), 400),
    ):
        try:
            await call
            check(False, "expected an error", code)
        except errors.APIError as error:
            check(error.code == code, error)

    seen = []
    try:
        async for chunk in await faulty.models.generate_content_stream(model=GEMINI, contents="Hello"):
            seen.append(chunk)
        check(False, "expected an error")
    except errors.APIError as error:
        check((error.code, len(seen)) == (503, 1), error, seen)

    # The client logs an error when a generator is closed early.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    began = asyncio.Event()

    async def endless():
        async for _ in await c.models.generate_content_stream(model=GEMINI, contents="Count forever."):
            began.set()

    leaving = asyncio.create_task(endless())
    await began.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    await asyncio.to_thread(expect_idle)


ours = client()
for part in (models, unary, stream, chat, schema, function, files, failures, many):
    part(ours)
elsewhere()
mid_stream()
leave()
hops()
done("google-genai, blocking")
asyncio.run(asynchronous())
asyncio.run(hops_asynchronous())
done("google-genai, async")
