"""The crew on a Ray cluster: one warm model an actor, one actor a GPU or group of cores; results on shared storage.

Ray is optional (the extra `ray`). `local` starts a cluster of this machine alone, `auto` joins
the one this machine belongs to, anything else is an address. Files are read and written by the actors, so job files,
inputs and the output folder must be reachable under the same paths on every node.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Any

from moda.batch.work import Outcome, Recipe, Task, Worker
from moda.batch.workers import MAX_WORKERS, shared_out, understood
from moda.errors import BadSetting, UserError

START_SECONDS = 600.0  # loading a model from slow shared storage


class RayCrew:
    """Actors on a Ray cluster as a `moda.batch.workers.Crew`.

    A lost actor or node is noticed by its unfinished task; another actor is started, wherever there is room, and
    the task is given again. Raises BadSetting with one sentence where Ray is absent or cannot be reached.
    """

    def __init__(self, recipe: Recipe, folder: Path, address: str, size: int) -> None:
        try:
            import ray
        except ImportError:
            raise BadSetting(
                'Running on Ray needs the ray package: run pip install "moda-studio[ray]" (in a checkout: '
                'pip install -e ".[ray]"), or leave --ray out and use --workers.'
            ) from None
        if not 1 <= size <= MAX_WORKERS:
            raise BadSetting(f"The number of workers must be 1 to {MAX_WORKERS}, not {size}.")
        self._ray: Any = ray
        self.size, self._folder = size, folder
        self._started = not ray.is_initialized()
        if self._started:
            _join(ray, address, size)
        self._recipes = shared_out(recipe, size) if address == "local" else [recipe] * size
        self._gpus = 1.0 if recipe.device != "cpu" and ray.cluster_resources().get("GPU", 0) else 0.0
        cores = float(ray.cluster_resources().get("CPU", size))
        self._cores = max(1.0, cores // size) if cores >= size else cores / size
        self._actors: list[Any] = []
        self._flight: dict[Any, int] = {}
        try:
            self._actors = [self._start(number) for number in range(size)]
            greetings = [self._greeting(number) for number in range(size)]
            self._maker = greetings[0]
        except BaseException:
            self.close()
            raise

    def _start(self, number: int) -> Any:
        recipe = self._recipes[number]
        if self._gpus:
            recipe = Recipe(recipe.model, recipe.renderer, "cuda", recipe.threads)  # Ray shows each actor its own GPU
        threads = recipe.threads or max(1, int(self._cores))
        actor = self._ray.remote(_Actor).options(
            num_cpus=self._cores, num_gpus=self._gpus, max_restarts=0, max_concurrency=1,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": str(threads)}},
        )  # fmt: skip
        return actor.remote(Recipe(recipe.model, recipe.renderer, recipe.device, threads), str(self._folder))

    def _greeting(self, number: int) -> dict[str, str]:
        try:
            kind, content = self._ray.get(self._actors[number].hello.remote(), timeout=START_SECONDS)
        except self._ray.exceptions.RayError as fault:
            reason = str(fault).strip().splitlines()[0][:160]
            raise BadSetting(f"A Ray worker could not be started ({reason}): ask for fewer workers.") from None
        return understood(kind, content)

    def maker(self) -> dict[str, str]:
        return self._maker

    def give(self, worker: int, task: Task) -> None:
        self._flight[self._actors[worker].do.remote(task)] = worker

    def wait(self) -> tuple[int, Outcome | None]:
        ready, _ = self._ray.wait(list(self._flight), num_returns=1)
        worker = self._flight.pop(ready[0])
        try:
            return worker, self._ray.get(ready[0])
        except self._ray.exceptions.RayError:
            self._replace(worker)
            return worker, None

    def _replace(self, worker: int) -> None:
        with contextlib.suppress(Exception):
            self._ray.kill(self._actors[worker])
        for attempt in range(3):
            self._actors[worker] = self._start(worker)
            try:
                self._greeting(worker)
                return
            except BadSetting:
                if attempt == 2:
                    raise
                time.sleep(2.0)  # the cluster may still be learning that a node is gone

    def close(self) -> None:
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()


def _join(ray: Any, address: str, size: int) -> None:
    """Start a cluster of this machine, or join one. Raises BadSetting."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # The actors import this package from where the driver has it; on other machines it must be installed.
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH", "")
    quiet["runtime_env"] = {"env_vars": {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}}
    try:
        if address == "local":
            cores = max(size, os.cpu_count() or 1)
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as fault:
        reason = (str(fault).strip().splitlines() or ["no reason given"])[0][:160]
        raise BadSetting(f"The Ray cluster {address!r} cannot be reached ({reason}): check the address.") from None


class _Actor:
    """A worker inside a Ray actor."""

    def __init__(self, recipe: Recipe, folder: str) -> None:
        self._folder = Path(folder)
        self._fault = ""
        try:
            self._worker = Worker(recipe.load())
        except UserError as fault:
            self._fault = str(fault)

    def hello(self) -> tuple[str, Any]:
        return ("fault", self._fault) if self._fault else ("hello", self._worker.maker())

    def do(self, task: Task) -> Outcome:
        return self._worker.do(task, self._folder)
