"""The official client, unchanged, pointed at the server with its certificate."""
import openai
import pytest

from conftest import MODEL_NAME, ask

pytestmark = pytest.mark.server


def test_lists_its_model(client):
    assert [m.id for m in client.models.list()] == [MODEL_NAME]
    assert client.models.retrieve(MODEL_NAME).id == MODEL_NAME


def test_chats(client):
    answer = ask(client)
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streams_the_same_answer(client):
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == \
        whole.choices[0].finish_reason
    assert len({c.id for c in chunks}) == 1


def test_no_usage_in_a_stream_unless_asked(client):
    assert all(getattr(c, "usage", None) is None for c in ask(client, stream=True))


def test_completes_text(client):
    answer = client.completions.create(model=MODEL_NAME, prompt="The capital of France is",
                                       max_tokens=4, temperature=0)
    assert "Paris" in answer.choices[0].text
    streamed = client.completions.create(model=MODEL_NAME, prompt="The capital of France is",
                                         max_tokens=4, temperature=0, stream=True)
    assert "".join(c.choices[0].text for c in streamed) == answer.choices[0].text


def test_max_tokens_ends_with_length(client):
    answer = ask(client, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


def test_stop_is_never_shown(client):
    plain = ask(client).choices[0].message.content
    word = plain.split()[2]
    answer = ask(client, stop=[word])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == plain[:plain.index(word)]


def test_a_seed_repeats_and_temperature_varies(client):
    poem = [{"role": "user", "content": "Write a line about the sea."}]
    first, second = (ask(client, messages=poem, temperature=1.2, seed=7).choices[0].message.content
                     for _ in range(2))
    assert first == second
    others = {ask(client, messages=poem, temperature=1.2, seed=s).choices[0].message.content
              for s in (8, 9, 10)}
    assert others != {first}


def test_system_message_and_content_parts(client):
    answer = ask(client, messages=[
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": [{"type": "text", "text": "Name the capital city "},
                                     {"type": "text", "text": "of France in one word."}]}])
    assert "Paris" in answer.choices[0].message.content


@pytest.mark.parametrize("options, error, code", [
    ({"model": "gpt-none"}, openai.NotFoundError, "model_not_found"),
    ({"messages": []}, openai.BadRequestError, None),
    ({"temperature": 9}, openai.BadRequestError, None),
    ({"max_tokens": -1}, openai.BadRequestError, None),
    ({"n": 0}, openai.BadRequestError, None),
    ({"extra_body": {"nonsense": 1}}, openai.BadRequestError, None),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
     openai.BadRequestError, None),
    ({"messages": [{"role": "user", "content": "word " * 3000}]}, openai.BadRequestError,
     "context_length_exceeded"),
])
def test_errors_have_openai_shape(client, options, error, code):
    with pytest.raises(error) as caught:
        ask(client, **options)
    assert set(caught.value.body) == {"message", "type", "code", "param"}
    assert caught.value.code == code
