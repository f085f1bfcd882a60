"""LangChain (`langchain-google-genai`)."""

from checks import BASE, KEY, MODEL, STAND_IN, check, done, expect_failure, valid
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from pydantic import BaseModel, Field
from typing import Literal


class Mountain(BaseModel):
    name: Literal["Ben Nevis", "Snowdon"]
    metres: int = Field(ge=0, le=9000)


@tool
def get_height(name: str) -> dict:
    """The height of a mountain."""
    return {"metres_above_sea": 1345}


def model(name="gemini-2.5-flash", key=KEY, **settings):
    return ChatGoogleGenerativeAI(
        model=name, api_key=key, base_url=BASE, max_retries=1, temperature=0, max_tokens=40, **settings
    )


def one():
    reply = model().invoke("Hello there")
    check(reply.content, reply)
    check(not STAND_IN or reply.text == "You said: Hello there (0 before)", reply.text)
    check(reply.usage_metadata["input_tokens"] > 0, reply)


def second_turn_after_stream():
    """A streamed reply and a whole one enter the next prompt with the same number of tokens."""
    question, next_question = HumanMessage("Hello there"), HumanMessage("And you?")
    whole = model().invoke([question])
    streamed = None
    for chunk in model().stream([question]):
        streamed = chunk if streamed is None else streamed + chunk
    check(streamed.text == whole.text, streamed.text, whole.text)
    replies = [model().invoke([question, first, next_question]) for first in (whole, streamed)]
    tokens = [reply.usage_metadata["input_tokens"] for reply in replies]
    check(tokens[0] == tokens[1], tokens)
    check(replies[0].text == replies[1].text, replies)


def schema():
    settings = {"max_tokens": 200} if STAND_IN else {"max_tokens": 200, "seed": 1}
    answer = model().bind(**settings).with_structured_output(Mountain, method="json_schema")
    valid(answer.invoke("A mountain").model_dump())


def function():
    question = HumanMessage("get_height of Ben Nevis")
    forced = model().bind_tools([get_height], tool_choice="get_height")
    call = forced.invoke([question])
    check([one["name"] for one in call.tool_calls] == ["get_height"], call)
    answer = ToolMessage('{"metres_above_sea": 1345}', tool_call_id=call.tool_calls[0]["id"])
    reply = model().invoke([question, call, answer])
    check(reply.text, reply)
    check(not STAND_IN or "1345" in reply.text, reply.text)


def failures():
    expect_failure(lambda: model("no-such-model").invoke("Hello"), "404")
    expect_failure(lambda: model(key="wrong").invoke("Hello"), "API_KEY_INVALID")


for part in (one, second_turn_after_stream, schema, function, failures):
    part()
done("LangChain")
