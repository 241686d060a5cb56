"""An agent of Pydantic AI, unchanged: BASE_URL MODEL PROMPT. Prints what it got as JSON."""
import asyncio
import json
import sys

from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

base_url, model, prompt = sys.argv[1:]


def agent(name):
    provider = OpenAIProvider(base_url=base_url, api_key="sk-user-key")
    return Agent(OpenAIChatModel(name, provider=provider),
                 model_settings={"temperature": 0, "max_tokens": 24})


async def main():
    run = await agent(model).run(prompt)
    async with agent(model).run_stream(prompt) as stream:
        streamed = "".join([piece async for piece in stream.stream_text(delta=True)])
    again = await agent(model).run("And of Italy?", message_history=run.all_messages())
    try:
        await agent("no-such-model").run(prompt)
        refused = None
    except ModelHTTPError as error:
        refused = {"kind": type(error).__name__, "status": error.status_code}
    print(json.dumps({"whole": run.output, "streamed": streamed, "again": again.output,
                      "refused": refused}))


asyncio.run(main())
