"""An agent of Pydantic AI, unchanged: BASE_URL MODEL PROMPT. Prints what it got as JSON."""
import asyncio
import json
import sys

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

base_url, model, prompt = sys.argv[1:]


class Weather(BaseModel):
    city: str = Field(max_length=20)


def agent(name, settings=None, **options):
    provider = OpenAIProvider(base_url=base_url, api_key="sk-user-key")
    return Agent(OpenAIChatModel(name, provider=provider),
                 model_settings={"temperature": 0, "max_tokens": 24, **(settings or {})}, **options)


async def main():
    run = await agent(model).run(prompt)
    async with agent(model).run_stream(prompt) as stream:
        streamed = "".join([piece async for piece in stream.stream_text(delta=True)])
    again = await agent(model).run("And of Italy?", message_history=run.all_messages())

    # What an agent must answer in a form of its own is asked for as the call of a tool.
    calling = agent(model, {"parallel_tool_calls": False, "max_tokens": 96},
                    output_type=ToolOutput(Weather, name="get_weather"))
    called = await calling.run(prompt)
    async with calling.run_stream(prompt) as stream:
        called_in_pieces = await stream.get_output()
    answered = await agent(model).run("Well?", message_history=called.all_messages())
    try:
        await agent("no-such-model").run(prompt)
        refused = None
    except ModelHTTPError as error:
        refused = {"kind": type(error).__name__, "status": error.status_code}
    print(json.dumps({"whole": run.output, "streamed": streamed, "again": again.output,
                      "tools": {"whole": [("get_weather", called.output.model_dump())],
                                "streamed": [("get_weather", called_in_pieces.model_dump())],
                                "answered": answered.output},
                      "refused": refused}))


asyncio.run(main())
