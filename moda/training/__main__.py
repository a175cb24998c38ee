"""`python -m moda.training lite | corpus | train | holdout`: make the corpus, train moda-lite, measure it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

RUN = Path("runs/moda-lite")
ASSETS = Path("assets/moda-lite")

Run = Annotated[Path, typer.Option(help="Folder for corpus, checkpoints and logs.")]
Hours = Annotated[float, typer.Option(help="Hours of performances to make.")]
Seed = Annotated[int, typer.Option(help="Seed of corpus and training.")]
Workers = Annotated[int, typer.Option(help="Processes that make the corpus.")]
Steps = Annotated[int, typer.Option(help="Training steps; a finished run continues when more are asked for.")]
Threads = Annotated[int, typer.Option(help="Torch threads.")]


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Make the corpus, train moda-lite, measure it; without a command all of it (`lite`)."""
    if context.invoked_subcommand is None:
        context.invoke(lite, run=RUN, out=ASSETS, hours=24.0, steps=15000, seed=0, workers=2, threads=1)


@app.command()
def corpus(run: Run = RUN, hours: Hours = 24.0, seed: Seed = 0, workers: Workers = 2) -> None:
    """Synthesise voices, align recordings, and write the corpus."""
    from moda.training.corpus import CorpusOptions, build

    build(run / "corpus", CorpusOptions(hours=hours, seed=seed, workers=workers))


@app.command()
def train(run: Run = RUN, steps: Steps = 15000, seed: Seed = 0, threads: Threads = 1) -> None:
    """Train on the corpus in RUN; goes on from its last checkpoint."""
    import torch

    from moda.training.dataset import Corpus
    from moda.training.loop import Trainer, TrainOptions

    torch.set_num_threads(threads)
    options = TrainOptions(steps=steps, seed=seed)
    trainer = Trainer(Corpus(run / "corpus"), run, options, lambda line: print(line, flush=True))
    trainer.train()


@app.command()
def holdout(
    model: Annotated[Path, typer.Option(help="Folder with config.json and model.safetensors.")] = ASSETS,
    run: Run = RUN,
    tracks: Annotated[Path | None, typer.Option(help="Folder with tracks of real talkers (never trained on).")] = None,
    feelings: Annotated[bool, typer.Option(help="Also tell the emotions apart (slow).")] = True,
    speech_guidance: Annotated[float, typer.Option(help="Guidance to speech while measuring.")] = 1.0,
) -> None:
    """Measure a model on held-out voices, real talkers, silence, music and feelings; prints JSON."""
    from moda.generator.guidance import Guidance
    from moda.generator.network import MoDA
    from moda.generator.sampler import SamplingOptions
    from moda.training.holdout import measure

    options = SamplingOptions(guidance=Guidance(speech=speech_guidance))
    found = measure(MoDA.from_pretrained(model), run, tracks, feelings, options)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))


@app.command()
def plot(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = RUN / "plots",
    model: Annotated[Path, typer.Option(help="Folder with config.json and model.safetensors.")] = ASSETS,
    run: Run = RUN,
) -> None:
    """Draw the loss of RUN and MODEL's samples of held-out speech."""
    from moda.generator.network import MoDA
    from moda.training.holdout import held_out
    from moda.training.plots import draw_loss, draw_samples

    out.mkdir(parents=True, exist_ok=True)
    if (run / "log.jsonl").is_file():
        draw_loss(run / "log.jsonl", out / "loss.png")
    utterances = held_out(run)
    draw_samples(MoDA.from_pretrained(model), utterances[:: max(1, len(utterances) // 3)][:3], out / "samples.png")


@app.command()
def lite(
    run: Run = RUN, out: Annotated[Path, typer.Option(help="Where the weights go.")] = ASSETS,
    hours: Hours = 24.0, steps: Steps = 15000, seed: Seed = 0, workers: Workers = 2, threads: Threads = 1,
) -> None:  # fmt: skip
    """Everything: corpus, training, weights into OUT, held-out measures."""
    from moda.generator.network import MoDA

    corpus(run, hours, seed, workers)
    train(run, steps, seed, threads)
    MoDA.from_pretrained(run / "model").save_pretrained(out)
    holdout(out, run, None, True, 1.0)
    plot(run / "plots", out, run)


if __name__ == "__main__":
    app()
