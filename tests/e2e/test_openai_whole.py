"""What the official client can ask beyond plain chat: several answers, log-probabilities, schemas, tools,
older completions and the newer responses, buffered and streamed, against the real model."""
import json
import math

import openai
import pytest

from conftest import CAPITAL, MODEL_NAME, ask

pytestmark = pytest.mark.server
WEATHER = {"type": "object", "additionalProperties": False, "required": ["city", "celsius"],
           "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]},
                          "celsius": {"type": "boolean"}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city.",
                                         "parameters": WEATHER, "strict": True}}


def test_several_answers(client):
    answer = ask(client, n=3, temperature=1.5, seed=1)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    assert len({c.message.content for c in answer.choices}) > 1
    texts = {}
    for chunk in ask(client, n=3, temperature=1.5, seed=1, stream=True):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert len(texts) == 3
    assert answer.usage.prompt_tokens == ask(client).usage.prompt_tokens


def test_log_probabilities(client):
    answer = ask(client, logprobs=True, top_logprobs=2, max_tokens=8)
    entries = answer.choices[0].logprobs.content
    assert b"".join(bytes(e.bytes) for e in entries).decode().startswith(
        answer.choices[0].message.content)
    for entry in entries:
        assert len(entry.top_logprobs) == 2
        assert entry.logprob <= 0
        # Greedy: the likeliest was picked.
        assert math.isclose(entry.logprob, entry.top_logprobs[0].logprob, abs_tol=1e-4)
    streamed = [e for c in ask(client, logprobs=True, top_logprobs=2, max_tokens=8, stream=True)
                if c.choices and c.choices[0].logprobs for e in c.choices[0].logprobs.content]
    assert [e.token for e in streamed] == [e.token for e in entries]


def test_a_bias_decides(client):
    def tokens(**options):
        return client.completions.create(model=MODEL_NAME, prompt="Once upon a time", max_tokens=6,
                                         temperature=0, logprobs=0, **options
                                         ).choices[0].logprobs.tokens
    assert len(set(tokens())) > 1
    assert len(set(tokens(logit_bias={"1000": 100}))) == 1


def test_an_answer_follows_its_schema(client):
    answer = ask(client, max_tokens=60, response_format={
        "type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": WEATHER}})
    got = json.loads(answer.choices[0].message.content)
    assert got["city"] in ("Paris", "Rome") and isinstance(got["celsius"], bool)
    assert set(got) == {"city", "celsius"}


def test_any_json_object(client):
    answer = ask(client, max_tokens=200, response_format={"type": "json_object"})
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    assert answer.choices[0].message.content.lstrip().startswith("{")


def test_tools(client):
    answer = ask(client, tools=[TOOL], tool_choice="required", max_tokens=80)
    assert answer.choices[0].finish_reason == "tool_calls"
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather" and call.id
    assert json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
    pieces = [c.choices[0].delta.tool_calls[0]
              for c in ask(client, tools=[TOOL], tool_choice="required", max_tokens=80, stream=True)
              if c.choices and c.choices[0].delta.tool_calls]
    assert pieces[0].id and pieces[0].function.name == "weather"
    assert "".join(p.function.arguments for p in pieces if p.index == 0) == call.function.arguments

    after = ask(client, messages=[*CAPITAL, answer.choices[0].message.model_dump(exclude_none=True),
                                  *({"role": "tool", "tool_call_id": c.id, "content": "Sunny."}
                                    for c in answer.choices[0].message.tool_calls)], tools=[TOOL],
                tool_choice="none")
    assert after.choices[0].message.tool_calls is None
    assert after.choices[0].finish_reason in ("stop", "length")


def test_older_completions(client):
    answer = client.completions.create(model=MODEL_NAME, prompt=["The capital of France is", "1 2 3"],
                                       n=2, max_tokens=4, temperature=0, echo=True)
    assert [c.index for c in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[1].text.startswith("The capital of France is")
    assert "Paris" in answer.choices[0].text
    logprobs = client.completions.create(model=MODEL_NAME, prompt="The capital of France is",
                                         max_tokens=3, temperature=0, logprobs=2).choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset)
    assert logprobs.text_offset[0] == 0
    assert all(len(top) <= 2 for top in logprobs.top_logprobs)


def test_how_likely_a_prompt_was(client):
    prompt = "The capital of France is"

    def completed(**options):
        return client.completions.create(model=MODEL_NAME, prompt=prompt, temperature=0, logprobs=1,
                                         **options).choices[0]

    alone = completed(echo=True, max_tokens=0)
    count = len(alone.logprobs.tokens)
    assert alone.text == "".join(alone.logprobs.tokens) == prompt
    assert alone.logprobs.token_logprobs[0] is None and alone.logprobs.top_logprobs[0] is None
    assert all(chance < 0 for chance in alone.logprobs.token_logprobs[1:])
    answer = completed(max_tokens=3)
    both = completed(echo=True, max_tokens=3)
    assert both.text == prompt + answer.text
    assert both.logprobs.tokens == alone.logprobs.tokens + answer.logprobs.tokens
    assert both.logprobs.token_logprobs[count] == pytest.approx(answer.logprobs.token_logprobs[0], abs=0.1)


def test_a_model_without_the_tokens_fills_nothing_in(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=MODEL_NAME, prompt="def f(", suffix="return x", max_tokens=3)
    assert caught.value.param == "suffix"


def test_what_was_found_in_the_cache_is_said(client):
    long = [{"role": "user", "content": "Count: " + " ".join(str(i) for i in range(200))}]
    ask(client, messages=long, max_tokens=1)
    again = ask(client, messages=long, max_tokens=1)
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    assert again.usage.completion_tokens_details.reasoning_tokens == 0, "this model does not think"
    salted = ask(client, messages=long, max_tokens=1, extra_body={"cache_salt": "another"})
    assert salted.usage.prompt_tokens_details.cached_tokens == 0


def respond(client, **options):
    settings = {"model": MODEL_NAME, "input": CAPITAL[0]["content"], "temperature": 0,
                "max_output_tokens": 24}
    return client.responses.create(**{**settings, **options})


def test_responses(client):
    answer = respond(client, instructions="You are terse.")
    assert "Paris" in answer.output_text
    assert answer.status in ("completed", "incomplete")
    assert answer.usage.output_tokens <= 24
    cut = respond(client, max_output_tokens=2)
    assert cut.status == "incomplete"
    assert cut.incomplete_details.reason == "max_output_tokens"


def test_responses_stream_the_same_answer(client):
    whole = respond(client)
    events = list(respond(client, stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == f"response.{whole.status}"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == \
        whole.output_text == events[-1].response.output_text
    # The client's own accumulator must agree.
    with client.responses.stream(model=MODEL_NAME, input=CAPITAL[0]["content"], temperature=0,
                                 max_output_tokens=24) as stream:
        assert stream.get_final_response().output_text == whole.output_text


def test_responses_call_tools(client):
    tool = {"type": "function", **TOOL["function"]}
    answer = respond(client, tools=[tool], tool_choice="required", max_output_tokens=80)
    call = next(item for item in answer.output if item.type == "function_call")
    assert call.name == "weather" and json.loads(call.arguments)["city"] in ("Paris", "Rome")
    after = respond(client, tools=[tool], tool_choice="none",
                    input=[*CAPITAL, call.model_dump(exclude_none=True),
                           {"type": "function_call_output", "call_id": call.call_id,
                            "output": "Sunny."}])
    assert all(item.type != "function_call" for item in after.output)


@pytest.mark.parametrize("options", [{"store": True}, {"previous_response_id": "resp_1"},
                                     {"background": True}, {"truncation": "auto"}])
def test_responses_keep_nothing(client, options):
    with pytest.raises(openai.BadRequestError) as caught:
        respond(client, **options)
    assert caught.value.param == next(iter(options))
