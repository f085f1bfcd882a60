"""The official Python client `google-generativeai` 0.8.6, over REST."""

import importlib
import io
import json
import warnings
from concurrent.futures import ThreadPoolExecutor

warnings.filterwarnings("ignore")

import google.generativeai as genai  # noqa: E402  (importing it warns)
from checks import BASE, FAULTY, KEY, MODEL, SCHEMA, STAND_IN, TEXT  # noqa: E402
from checks import check, check_file, done, expect_error, expect_idle  # noqa: E402

GEMINI = "models/gemini-1.5-flash"
SHORT = {"max_output_tokens": 12, "temperature": 0}


def configure(base=BASE, key=KEY):
    genai.configure(api_key=key, transport="rest", client_options={"api_endpoint": base})


def get_height(name: str, metres: int):
    """The height of a mountain."""


def models():
    names = [model.name for model in genai.list_models()]
    check(f"models/{MODEL}" in names, names)
    check(genai.get_model(f"models/{MODEL}").name == f"models/{MODEL}")
    check(genai.get_model(GEMINI).name == GEMINI)


def replies():
    model = genai.GenerativeModel(GEMINI, generation_config=SHORT)
    check(model.count_tokens("one two three").total_tokens >= 3)
    reply = model.generate_content("Hello there")
    check(reply.text and reply.usage_metadata.prompt_token_count > 0, reply)
    check(not STAND_IN or reply.text == "You said: Hello there (0 before)", reply.text)
    stream = model.generate_content("Hello", stream=True)
    chunks = list(stream)
    check(len(chunks) > 1 and stream.text, chunks)


def chat():
    model = genai.GenerativeModel(GEMINI, generation_config=SHORT, system_instruction="Be brief.")
    talk = model.start_chat()
    for turn in range(3):
        reply = talk.send_message(f"Turn {turn}", stream=turn == 1)
        reply.resolve()
        expected = f"Be brief. You said: Turn {turn} ({2 * turn} before)"
        check(reply.text.strip() and (not STAND_IN or reply.text == expected), reply.text)
    check([content.role for content in talk.history] == ["user", "model"] * 3, talk.history)
    talk.rewind()
    check(len(talk.history) == 4, talk.history)


def schema():
    metres = {"type": "INTEGER", "format": "int32"}  # this client does not support bounds
    shape = {**SCHEMA, "properties": {**SCHEMA["properties"], "metres": metres}}
    config = {"response_mime_type": "application/json", "response_schema": shape}
    model = genai.GenerativeModel(GEMINI, generation_config={**config, "max_output_tokens": 200})
    value = json.loads(model.generate_content("A mountain").text)
    check(sorted(value) == ["metres", "name"] and isinstance(value["metres"], int), value)


def function():
    forced = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["get_height"]}}
    model = genai.GenerativeModel(
        GEMINI, tools=[get_height], generation_config={"max_output_tokens": 200}
    )
    talk = model.start_chat()
    reply = talk.send_message("How tall is Ben Nevis?", tool_config=forced)
    call = reply.candidates[0].content.parts[0].function_call
    check(call.name == "get_height", reply)
    check(sorted(call.args) == ["metres", "name"], call)
    answer = {"function_response": {"name": call.name, "response": {"metres_above_sea": 1345}}}
    final = talk.send_message(genai.protos.Part(answer), generation_config=SHORT)
    check(final.text and len(talk.history) == 4, final)
    check(not STAND_IN or "metres_above_sea" in final.text, final.text)


def files():
    # The address of the upload is not a setting of this client.
    client = importlib.import_module("google.generativeai.client")
    client.GENAI_API_DISCOVERY_URL = f"{BASE}/$discovery/rest"
    name = "a \"größe\"\n.txt"
    for resumable in (True, False):
        file = genai.upload_file(
            io.BytesIO(TEXT.encode()), mime_type="text/plain", display_name=name, resumable=resumable
        )
        check_file(file, len(TEXT.encode()))
        check(file.name in [each.name for each in genai.list_files()])
        genai.delete_file(file.name)
    file = genai.upload_file(io.BytesIO(b"Snowdon is 1085 m high."), mime_type="text/plain", name="snowdon")
    check(genai.get_file("files/snowdon").uri == file.uri, file)
    model = genai.GenerativeModel(GEMINI, generation_config=SHORT)
    reply = model.generate_content(["What is this?", file])
    check(reply.text and (not STAND_IN or "Snowdon is 1085 m high." in reply.text), reply)
    file.delete()
    expect_error(lambda: genai.get_file("files/snowdon"), 403)


def failures():
    expect_error(lambda: genai.GenerativeModel("models/no-such-model").generate_content("Hello"), 404)
    bad = genai.GenerativeModel(GEMINI, generation_config={"temperature": 7})
    expect_error(lambda: bad.generate_content("Hello"), 400)
    configure(key="wrong")
    error = expect_error(lambda: genai.GenerativeModel(GEMINI).generate_content("Hello"), 400)
    check("API key not valid" in str(error), error)
    configure()


def mid_stream():
    configure(FAULTY)
    stream = genai.GenerativeModel(GEMINI).generate_content("Hello", stream=True)
    seen = []
    try:
        for chunk in stream:
            seen.append(chunk.text)
    except Exception as error:
        # An array has no place for an error: this client only sees that the connection is lost.
        check("ChunkedEncodingError" in type(error).__name__, repr(error))
    else:
        check(False, "expected an error")
    # This client reads one chunk ahead.
    check(len(seen) <= 1, seen)
    configure()


def leave():
    config = {"max_output_tokens": 4000}
    stream = genai.GenerativeModel(GEMINI).generate_content(
        "Count forever.", stream=True, generation_config=config
    )
    next(iter(stream))
    stream._iterator._response.close()  # it has no method for this
    expect_idle()


def many():
    def one(number):
        model = genai.GenerativeModel(GEMINI, generation_config=SHORT)
        return model.generate_content(f"Client {number}").text

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(one, range(8)))
    expected = [f"You said: Client {number} (0 before)" for number in range(8)]
    check(all(texts) and (not STAND_IN or texts == expected), texts)


configure()
for part in (models, replies, chat, schema, function, files, failures, mid_stream, leave, many):
    part()
done("google-generativeai")
