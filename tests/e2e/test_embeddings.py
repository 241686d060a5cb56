"""OpenAI's official clients, unchanged, at /v1/embeddings."""
import base64
import json
import math
import shutil
import struct
import subprocess

import openai
import pytest

from conftest import MODEL, MODEL_NAME, Server
from test_clients import CLIENTS, INSTALLED

pytestmark = pytest.mark.server
TEXTS = ["The cat sat on the mat.", "A cat is sitting on a mat.", "Interest rates rose again in May."]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server") / "state", "--embedding-model", f"vectors={MODEL}",
                     "--debug-endpoints")
    yield running
    assert running.stop() == 0, running.logged()


def embed(client, **options):
    return client.embeddings.create(**{"model": "vectors", "input": TEXTS, **options})


def single(vector):
    """As the bytes of single-precision floats: in JSON they have fewer digits than as Python's floats."""
    return struct.pack(f"<{len(vector)}f", *vector)


def product(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_each_text_has_its_vector(client):
    answer = embed(client)
    assert [entry.index for entry in answer.data] == [0, 1, 2]
    assert answer.model == "vectors"
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    vectors = [entry.embedding for entry in answer.data]
    for vector in vectors:
        assert math.isclose(product(vector, vector), 1, rel_tol=1e-4)
    assert product(vectors[0], vectors[1]) > product(vectors[0], vectors[2]), "the cats are alike"


def test_both_encodings_say_the_same(client):
    # Without being asked, this client takes base64 from the wire and gives numbers.
    for plain, asked in zip(embed(client).data, embed(client, encoding_format="float").data, strict=True):
        assert single(plain.embedding) == single(asked.embedding)
    [text] = embed(client, input="abc", encoding_format="base64").data
    [numbers] = embed(client, input="abc").data
    assert base64.b64decode(text.embedding) == single(numbers.embedding)


def test_token_ids_are_texts_too(client):
    [whole] = embed(client, input=TEXTS[0]).data
    tokens = client.post("/../tokenize", body={"model": MODEL_NAME, "prompt": TEXTS[0]},
                         cast_to=dict)["tokens"]
    [read] = embed(client, input=tokens).data
    assert read.embedding == whole.embedding
    assert [e.embedding for e in embed(client, input=[tokens, tokens]).data] == [whole.embedding] * 2


def test_dimensions_are_the_models_own(client):
    [vector] = embed(client, input="abc").data
    size = len(vector.embedding)
    assert client.models.retrieve("vectors").dimensions == size
    [again] = embed(client, input="abc", dimensions=size).data
    assert again.embedding == vector.embedding


@pytest.mark.parametrize("options, error, param", [
    ({"dimensions": 7}, openai.BadRequestError, "dimensions"),
    ({"input": []}, openai.BadRequestError, "input"),
    ({"input": ["a", ""]}, openai.BadRequestError, "input"),
    ({"input": "word " * 5000}, openai.BadRequestError, "input"),
    ({"input": [1 << 30]}, openai.BadRequestError, "input"),
    ({"model": MODEL_NAME}, openai.BadRequestError, "model"),
    ({"model": "none"}, openai.NotFoundError, "model"),
    ({"extra_body": {"nonsense": 1}}, openai.BadRequestError, "nonsense"),
])
def test_errors_name_what_is_wrong(client, options, error, param):
    with pytest.raises(error) as caught:
        embed(client, **options)
    assert caught.value.param == param


@pytest.mark.packages
def test_openai_for_node(client, proxy):
    script = shutil.copy(CLIENTS / "openai_embeddings.mjs", INSTALLED / "node")
    done = subprocess.run([INSTALLED / "python/bin/node", script, f"http://127.0.0.1:{proxy.port}/v1", "vectors",
                           *TEXTS], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    expected = [single(entry.embedding) for entry in embed(client).data]
    assert [single(vector) for vector in seen["plain"]] == expected
    assert [single(vector) for vector in seen["floats"]] == expected
    assert seen["refused"] == {"kind": "BadRequestError", "status": 400, "param": "dimensions"}
    assert proxy.status()["receipts"] == {"verified": 2, "failed": 0}
