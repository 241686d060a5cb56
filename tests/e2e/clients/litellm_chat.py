"""LiteLLM, unchanged: BASE_URL MODEL PROMPT. Prints what it got as JSON."""
import json
import sys

import litellm

base_url, model, prompt = sys.argv[1:]
litellm.telemetry = False


def ask(model, **options):
    return litellm.completion(model=f"openai/{model}", api_base=base_url, api_key="sk-user-key",
                              messages=[{"role": "user", "content": prompt}], temperature=0,
                              max_tokens=24, num_retries=0, **options)


whole = ask(model).choices[0].message.content
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in ask(model, stream=True))
try:
    ask("no-such-model")
    refused = None
except litellm.exceptions.NotFoundError as error:
    refused = {"kind": type(error).__name__, "status": error.status_code}
print(json.dumps({"whole": whole, "streamed": streamed, "refused": refused}))
