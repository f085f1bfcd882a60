"""pydantic-ai (`pydantic-ai-slim[google]`)."""

import asyncio
from typing import Literal

from checks import BASE, KEY, STAND_IN, check, done, expect_failure, valid
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider


class Mountain(BaseModel):
    name: Literal["Ben Nevis", "Snowdon"]
    metres: int = Field(ge=0, le=9000)


def agent(name="gemini-2.5-flash", key=KEY, **settings):
    model = GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=BASE))
    return Agent(model, model_settings={"temperature": 0, "max_tokens": 200}, retries=0, **settings)


async def one():
    result = await agent().run("Hello there")
    check(result.output, result)
    check(not STAND_IN or result.output == "You said: Hello there (0 before)", result.output)
    check(result.usage.input_tokens > 0, result.usage)


async def second_turn_after_stream():
    """A streamed reply and a whole one enter the next prompt with the same number of tokens."""
    whole = await agent().run("Hello there")
    async with agent().run_stream("Hello there") as streamed:
        text = await streamed.get_output()
    check(text == whole.output, text, whole.output)
    histories = whole.all_messages(), streamed.all_messages()
    replies = [await agent().run("And you?", message_history=history) for history in histories]
    tokens = [reply.usage.input_tokens for reply in replies]
    check(tokens[0] == tokens[1], tokens)
    check(replies[0].output == replies[1].output, replies)


async def schema():
    result = await agent(output_type=NativeOutput(Mountain)).run("A mountain")
    valid(result.output.model_dump())


async def function():
    calls = []
    asked = agent(instructions="Use the tool.")

    @asked.tool_plain
    def get_height(name: str) -> dict:
        """The height of a mountain."""
        calls.append(name)
        return {"metres_above_sea": 1345}

    result = await asked.run("get_height of Ben Nevis")
    check(result.output, result)
    check(not STAND_IN or (len(calls) == 1 and "1345" in result.output), calls, result.output)


for part in (one, second_turn_after_stream, schema, function):
    asyncio.run(part())
expect_failure(lambda: asyncio.run(agent("no-such-model").run("Hello")), "404")
expect_failure(lambda: asyncio.run(agent(key="wrong").run("Hello")), "API_KEY_INVALID")
done("pydantic-ai")
