"""LiteLLM, unchanged: BASE_URL MODEL PROMPT. Prints what it got as JSON."""
import json
import sys

import litellm

base_url, model, prompt = sys.argv[1:]
litellm.telemetry = False
QUESTION = [{"role": "user", "content": prompt}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}},
                   "required": ["city"], "additionalProperties": False}}}]


def ask(model, **options):
    settings = {"messages": QUESTION, "temperature": 0, "max_tokens": 24, "num_retries": 0}
    return litellm.completion(model=f"openai/{model}", api_base=base_url, api_key="sk-user-key",
                              **{**settings, **options})


def calls(message):
    return [(call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls]


whole = ask(model).choices[0].message.content
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in ask(model, stream=True))
calling = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False,
           "max_tokens": 96}
called = ask(model, **calling).choices[0].message
pieces = litellm.stream_chunk_builder(list(ask(model, stream=True, **calling)))
results = [{"role": "tool", "tool_call_id": call.id, "content": "4 degrees, rain"}
           for call in called.tool_calls]
answered = ask(model, tools=TOOLS, tool_choice="none",
               messages=[*QUESTION, called.model_dump(), *results]).choices[0].message.content
try:
    ask("no-such-model")
    refused = None
except litellm.exceptions.NotFoundError as error:
    refused = {"kind": type(error).__name__, "status": error.status_code}
print(json.dumps({"whole": whole, "streamed": streamed, "refused": refused,
                  "tools": {"whole": calls(called), "streamed": calls(pieces.choices[0].message),
                            "answered": answered}}))
