"""What `bench/run --efficiency --json` found, as a picture: efficiency against all tokens of a run, prompts
and answers, as the seeds of this project plot it."""
import argparse
import json
import pathlib

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

GOAL = 0.99
MARKS = "os^Dv"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("found", type=pathlib.Path, help="the JSON document")
    parser.add_argument("picture", type=pathlib.Path, help="the SVG to write")
    options = parser.parse_args()
    rows = json.loads(options.found.read_text())["efficiency"]
    matplotlib.rcParams["svg.hashsalt"] = "confide"  # the same rows give the same file
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    prompts = sorted({row["prompt"] for row in rows})
    for layers in sorted({row["layers"] for row in rows}):
        for prompt in prompts:
            line = sorted((row["total_tokens"], row["ratio"]) for row in rows
                          if (row["layers"], row["prompt"]) == (layers, prompt))
            if line:
                axes.plot(*zip(*line), marker=MARKS[prompts.index(prompt) % len(MARKS)],
                          linestyle="-" if layers == rows[0]["layers"] else "--",
                          label=f"{layers} layers, prompts of {prompt}")
    axes.axhline(GOAL, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_ylim(0.8, 1.2)
    axes.set_xlabel("tokens of a run, prompts and answers")
    axes.set_ylabel("throughput beside llama-server's")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(options.picture, metadata={"Date": None})


if __name__ == "__main__":
    main()
