"""`moda train lite|corpus|network|lips|holdout|plot`: make the corpus, train moda-lite, measure it.

`python -m moda.training` is the same, for `accelerate launch --module`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

RUN = Path("runs/moda-lite")
ASSETS = Path("assets/moda-lite")
HOURS, STEPS = 18.0, 40_000

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
        context.invoke(lite, run=RUN, out=ASSETS, hours=HOURS, steps=STEPS, seed=0, workers=2, threads=1)


@app.command()
def corpus(run: Run = RUN, hours: Hours = HOURS, seed: Seed = 0, workers: Workers = 2) -> None:
    """Follow footage, align recordings, synthesise voices, and write the corpus."""
    from moda.corpus.synthetic.build import CorpusOptions, build

    build(run / "corpus", CorpusOptions(hours=hours, seed=seed, workers=workers))


@app.command("train", hidden=True)
@app.command("network")
def train(
    run: Run = RUN,
    steps: Steps = STEPS,
    seed: Seed = 0,
    threads: Threads = 1,
    corpus: Annotated[Path | None, typer.Option(help="Folder with shards, of `prepare` too.  [RUN/corpus]")] = None,
    start: Annotated[Path | None, typer.Option(help="Model folder to go on from (fine-tuning).")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; each process takes its own GPU.")] = "auto",
    batch: Annotated[int | None, typer.Option(help="Segments a step, over all processes.  [16]")] = None,
    segment: Annotated[int | None, typer.Option(help="Frames of a segment.  [80]")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Pieces of a process's share of the batch.  [1]")] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate.  [0.0015; 0.0002 with --start]")] = None,
    short: Annotated[float | None, typer.Option(help="Share of steps on segments of a live length.  [0.25]")] = None,
    live: Annotated[float | None, typer.Option(help="Share of steps on windows of live sessions.  [0]")] = None,
    listen_steps: Annotated[int | None, typer.Option(help="Steps in which lips are learnt first.  [5000]")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between checkpoints.  [250]")] = None,
    bf16: Annotated[bool, typer.Option(help="Matrix products in bfloat16.")] = True,
) -> None:
    """Train on the corpus in RUN; goes on from its last checkpoint. Also under `accelerate launch`."""
    from moda.training.command import run_training

    given = {"batch": batch, "segment": segment, "accumulate": accumulate, "rate": rate, "save_every": save_every,
             "listen_steps": listen_steps, "short": short, "live": live}  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    run_training(run, corpus or run / "corpus", start, device, threads, options | {"steps": steps, "seed": seed}, bf16)


@app.command()
def holdout(
    model: Annotated[Path, typer.Option(help="Folder with config.json and model.safetensors.")] = ASSETS,
    run: Run = RUN,
    tracks: Annotated[Path | None, typer.Option(help="Folder with tracks of real talkers (never trained on).")] = None,
    feelings: Annotated[bool, typer.Option(help="Also tell the emotions apart (slow).")] = True,
    speech_guidance: Annotated[float, typer.Option(help="Guidance to speech while measuring.")] = 2.0,
) -> None:
    """Measure a model on held-out voices, real talkers, silence, music and feelings; prints JSON."""
    from moda.generator.network import MoDA
    from moda.models.lite import LiteModel
    from moda.planning import sampling_options
    from moda.settings import Settings
    from moda.training.held_out import measure

    options = sampling_options(Settings(speech_guidance=speech_guidance), LiteModel)
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
    from moda.training.held_out import held_out
    from moda.training.plots import draw_loss, draw_samples

    out.mkdir(parents=True, exist_ok=True)
    if (run / "log.jsonl").is_file():
        draw_loss(run / "log.jsonl", out / "loss.png")
    utterances = held_out(run)
    draw_samples(MoDA.from_pretrained(model), utterances[:: max(1, len(utterances) // 3)][:3], out / "samples.png")


@app.command()
def lips(
    run: Run = RUN,
    start: Annotated[Path, typer.Option(help="Folder of the moda-lite to go on from.")] = ASSETS,
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = ASSETS,
    seed: Seed = 0, workers: Workers = 2, threads: Threads = 1,
) -> None:  # fmt: skip
    """Teach a trained model the lips of footage, in rounds; its head, eyes and feelings stay. Goes on where stopped."""
    import torch

    from moda.training.rounds import learn_lips

    torch.set_num_threads(max(1, threads))
    taught = learn_lips(run, start, run / "corpus", seed, workers, say=lambda line: print(line, flush=True))
    taught.save_pretrained(out, torch.float16)


@app.command()
def lite(
    run: Run = RUN, out: Annotated[Path, typer.Option(help="Where the weights go.")] = ASSETS,
    hours: Hours = HOURS, steps: Steps = STEPS, seed: Seed = 0, workers: Workers = 2, threads: Threads = 1,
) -> None:  # fmt: skip
    """Everything: corpus, training, weights (half precision) into OUT, held-out measures."""
    import torch

    from moda.corpus.footage.filmed import footage_folder
    from moda.generator.network import MoDA

    corpus(run, hours, seed, workers)
    train(run, steps, seed, threads)
    if footage_folder() is None:
        MoDA.from_pretrained(run / "model").save_pretrained(out, torch.float16)
    else:
        lips(run, run / "model", out, seed, workers, threads)
    holdout(out, run, None, True)
    plot(run / "plots", out, run)
