"""The wheel of clients/python, installed from what CI built, for the tests that use it."""
import importlib
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import MODEL_NAME, ROOT
from test_man_in_the_middle import API_KEY, PROMPT


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder that the wheel was installed to, as pip does it for users; once, whoever imports this."""
    folder = tmp_path_factory.getbasetemp() / "site"
    if folder.exists():
        return folder
    wheels = [os.environ["CONFIDE_WHEEL"]] if "CONFIDE_WHEEL" in os.environ else \
        sorted((ROOT / "build/python").glob("confide-*.whl"))
    assert len(wheels) == 1, "./test builds the wheel; CONFIDE_WHEEL names another one"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    "--no-index", "--no-deps", "--target", folder, wheels[0]], check=True)
    return folder


@pytest.fixture(scope="session")
def package(installed):
    sys.path.insert(0, str(installed))
    module = importlib.import_module("confide")
    importlib.import_module("confide.openai")
    assert pathlib.Path(module.__file__).is_relative_to(installed)
    return module


@pytest.fixture
def make(package, server):
    """Makes sync clients, closed at the test's end."""
    made = []

    def client(url=None, **options):
        settings = {"base_url": f"{url or server.url}/v1", "trust_roots": [server.root],
                    "api_key": API_KEY, "max_retries": 0}
        made.append(package.openai.OpenAI(**{**settings, **options}))
        return made[-1]

    yield client
    for one in made:
        one.close()


def question(**options):
    return {"model": MODEL_NAME, "messages": [{"role": "user", "content": PROMPT}],
            "temperature": 0, "max_tokens": 24, **options}


def ask(client, **options):
    return client.chat.completions.create(**question(**options))


def text(completion):
    return completion.choices[0].message.content


def told(failure):
    """All that is shown of an exception and of those behind it."""
    out = []
    while failure is not None:
        out.append(f"{failure} {failure!r}")
        failure = failure.__cause__ or failure.__context__
    return "\n".join(out)


def run_script(installed, source, *arguments, **environment):
    """A program of its own: what it does to its process is nobody else's concern."""
    return subprocess.run([sys.executable, "-c", source, *map(str, arguments)], text=True,
                          capture_output=True, timeout=100,
                          env={**os.environ, "PYTHONPATH": str(installed), **environment})


def make_async(package, server, url=None, **options):
    settings = {"base_url": f"{url or server.url}/v1", "trust_roots": [server.root],
                "api_key": API_KEY, "max_retries": 0}
    return package.openai.AsyncOpenAI(**{**settings, **options})
