"""Anthropic's official client, unchanged: pointed at the server with its certificate, and through `confide proxy`."""
import http.client
import json
import ssl

import anthropic
import pytest

from conftest import CAPITAL, MODEL_NAME

pytestmark = pytest.mark.server
WEATHER = {"name": "get_weather", "description": "Tells today's weather in a city.",
           "input_schema": {"type": "object", "additionalProperties": False,
                            "properties": {"city": {"type": "string", "maxLength": 20}},
                            "required": ["city"]}}


@pytest.fixture(scope="module", params=["server", "proxy"])
def client(request, server):
    options = {"api_key": "a-user's-key", "max_retries": 0}
    if request.param == "server":
        context = ssl.create_default_context(cafile=str(server.certificate))
        with anthropic.Anthropic(base_url=server.url, **options,
                                 http_client=anthropic.DefaultHttpxClient(verify=context)) as made:
            yield made
        return
    proxy = request.getfixturevalue("proxy")
    with anthropic.Anthropic(base_url=f"http://127.0.0.1:{proxy.port}", **options) as made:
        yield made
    assert proxy.status()["receipts"]["failed"] == 0


# What the client has no argument for any more stands in the body all the same.
GREEDY = {"temperature": 0}


def question(**options):
    settings = {"model": MODEL_NAME, "messages": CAPITAL, "max_tokens": 24, "extra_body": GREEDY}
    return {**settings, **options}


def ask(client, **options):
    return client.messages.create(**question(**options))


def test_answers(client):
    answer = ask(client)
    assert answer.id.startswith("msg_") and answer.role == "assistant"
    assert answer.model == MODEL_NAME
    assert [block.type for block in answer.content] == ["text"]
    assert "Paris" in answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.stop_sequence is None
    assert 0 < answer.usage.output_tokens <= 24
    assert answer.usage.input_tokens + answer.usage.cache_read_input_tokens == \
        client.messages.count_tokens(model=MODEL_NAME, messages=CAPITAL).input_tokens


def test_lists_its_models(client):
    page = client.models.list(limit=1)
    [model] = page.data
    assert (model.type, model.id, model.display_name) == ("model", MODEL_NAME, MODEL_NAME)
    assert model.created_at.tzinfo is not None
    assert not page.has_more and page.first_id == page.last_id == MODEL_NAME
    assert [each.id for each in client.models.list()] == [MODEL_NAME]
    assert client.models.retrieve(MODEL_NAME) == model
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-none")


def test_requests_have_ids(client):
    assert ask(client, max_tokens=1)._request_id.startswith("req-")
    with pytest.raises(anthropic.BadRequestError) as caught:
        ask(client, messages=[])
    assert caught.value.request_id == caught.value.body["request_id"]


def test_streams_the_same_answer(client):
    whole = ask(client)
    with client.messages.stream(**question()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == whole.content[0].text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == \
        whole.usage.input_tokens + whole.usage.cache_read_input_tokens


def test_events_come_in_their_order(client):
    kinds = [event.type for event in ask(client, stream=True)]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}


def test_says_why_it_stopped(client):
    text = ask(client).content[0].text
    word = text.split()[2]
    stopped = ask(client, stop_sequences=["no such text", word])
    assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence == word
    assert stopped.content[0].text == text[:text.index(word)]
    assert ask(client, max_tokens=2).stop_reason == "max_tokens"


def test_system_and_blocks(client):
    answer = ask(client, system=[{"type": "text", "text": "You are terse.",
                                  "cache_control": {"type": "ephemeral"}}],
                 messages=[{"role": "user", "content": [
                     {"type": "text", "text": "Name the capital city "},
                     {"type": "text", "text": "of France in one word."}]}])
    assert "Paris" in answer.content[0].text


# A small model goes on calling as long as it may.
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_tool_is_called_and_answered(client, choice):
    settings = {"tools": [WEATHER], "max_tokens": 96}
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    called = ask(client, messages=messages,
                 tool_choice={**choice, "disable_parallel_tool_use": True}, **settings)
    assert called.stop_reason == "tool_use"
    [call] = [block for block in called.content if block.type == "tool_use"]
    assert call.name == "get_weather" and isinstance(call.input["city"], str)
    messages += [{"role": "assistant", "content": called.content},
                 {"role": "user", "content": [
                     {"type": "tool_result", "tool_use_id": call.id, "content": "4 degrees, rain"}]}]
    answer = ask(client, messages=messages, tool_choice={"type": "none"}, **settings)
    assert answer.stop_reason in ("end_turn", "max_tokens")
    refused = [*messages[:-1], {"role": "user", "content": "Well?"}]
    with pytest.raises(anthropic.BadRequestError, match="messages.2.content"):
        ask(client, messages=refused, **settings)


def test_a_tools_input_is_streamed(client):
    options = {"tools": [WEATHER], "max_tokens": 96,
               "tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    whole = ask(client, **options)
    with client.messages.stream(**question(**options)) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert [(b.name, b.input) for b in final.content if b.type == "tool_use"] == \
        [(b.name, b.input) for b in whole.content if b.type == "tool_use"]
    assert pieces


@pytest.mark.parametrize("options, error, kind, names", [
    ({"model": "claude-none"}, anthropic.NotFoundError, "not_found_error", "model"),
    ({"messages": []}, anthropic.BadRequestError, "invalid_request_error", "messages"),
    ({"extra_body": {"temperature": 1.5}}, anthropic.BadRequestError, "invalid_request_error", "temperature"),
    ({"messages": [{"role": "user", "content": "word " * 3000}]}, anthropic.BadRequestError,
     "invalid_request_error", "context"),
    ({"messages": [*CAPITAL, {"role": "assistant", "content": "It is"}]},
     anthropic.BadRequestError, "invalid_request_error", "ends with the user"),
    ({"messages": [{"role": "user", "content": [{"type": "image", "source": {
        "type": "url", "url": "https://example.com/a.png"}}]}]},
     anthropic.BadRequestError, "invalid_request_error", "messages.0.content.0"),
    ({"extra_body": {"surprise": 1}}, anthropic.BadRequestError, "invalid_request_error",
     "surprise: Extra inputs are not permitted"),
    ({"extra_headers": {"anthropic-version": "2023-01-01"}}, anthropic.BadRequestError,
     "invalid_request_error", "anthropic-version"),
])
def test_errors_are_the_clients_own(client, options, error, kind, names):
    for stream in (False, True):
        with pytest.raises(error, match=names) as caught:
            ask(client, stream=stream, **options)
        assert caught.value.body["type"] == "error"
        assert caught.value.type == kind
    if "model" in options:
        with pytest.raises(error):
            client.messages.count_tokens(model=options["model"], messages=CAPITAL)


def test_the_proxy_checks_a_receipt_for_each_answer(proxy):
    before = proxy.status()["receipts"]["verified"]
    with anthropic.Anthropic(base_url=f"http://127.0.0.1:{proxy.port}", api_key="a-user's-key",
                             max_retries=0) as client:
        ask(client, max_tokens=2)
        list(ask(client, max_tokens=2, stream=True))
        client.messages.count_tokens(model=MODEL_NAME, messages=CAPITAL)
        with pytest.raises(anthropic.BadRequestError):
            ask(client, messages=[])
    assert proxy.status()["receipts"] == {"verified": before + 3, "failed": 0}


def test_what_the_listeners_refuse_has_the_shape_of_the_path(server, proxy):
    context = ssl.create_default_context(cafile=str(server.certificate))
    for connection in (http.client.HTTPSConnection("127.0.0.1", server.port, context=context),
                       http.client.HTTPConnection("127.0.0.1", proxy.port)):
        connection.putrequest("POST", "/v1/messages")
        connection.putheader("Content-Length", str(1 << 30))
        connection.endheaders()
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 413
        assert body["type"] == "error" and body["error"]["type"] == "request_too_large"
        connection.close()
