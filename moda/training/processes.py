"""The processes of one run: alone, or several that were started together and share every step.

`accelerate launch`, `torchrun` or `mpirun` start them; alone, accelerate is not even imported. Every process works
on its rows of the global batch, gradients are averaged, and only the main one writes.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import torch
from torch import Tensor, nn

from moda.errors import BadSetting
from moda.models import pick_device

SIZE_VARIABLES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Where launchers say how many processes they have started."""
PATIENCE = timedelta(hours=12)
"""The others wait so long while the main process prepares something."""


def launched() -> int:
    """How many processes a launcher has started; 1 without one."""
    return max(int(value) if (value := os.environ.get(name, "")).isdigit() else 1 for name in SIZE_VARIABLES)


def launched_precision() -> str:
    """What `accelerate launch --mixed_precision` asked for; "no" without a launcher. Raises BadSetting for what the
    losses here are not made for (fp16 needs a scaled loss)."""
    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    if asked not in ("no", "bf16"):
        raise BadSetting(f"Mixed precision {asked} is not supported here: launch with bf16 or no.")
    return asked


def launched_accumulation() -> int:
    """Pieces that `accelerate launch --gradient_accumulation_steps` asked for; 1 without a launcher."""
    asked = os.environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "")
    return max(1, int(asked)) if asked.isdigit() else 1


class Processes:
    """Which process this is, of how many, and on which device it computes.

    index  0 is the main process.    count  how many there are.    device  a torch.device.
    """

    def __init__(self, device: str = "auto") -> None:
        """device: auto, cpu or cuda; with several processes each takes its own GPU. Raises BadSetting."""
        self._accelerator = None
        self.index, self.count, self.device = 0, 1, torch.device(pick_device(device))
        if launched() > 1:
            try:
                from accelerate import Accelerator, InitProcessGroupKwargs
            except ModuleNotFoundError:
                raise BadSetting(
                    "Several processes were started, and accelerate is not installed: "
                    'pip install "moda-studio[train]" (in a checkout: pip install -e ".[train]").'
                ) from None
            wait = InitProcessGroupKwargs(timeout=PATIENCE)
            # Precision is ours (see `lower_precision`), so that one process and several compute the same.
            accelerator = Accelerator(cpu=self.device.type == "cpu", mixed_precision="no", kwargs_handlers=[wait])
            self._accelerator = accelerator
            self.index, self.count = accelerator.process_index, accelerator.num_processes
            self.device = accelerator.device

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.index == 0

    def rows(self, batch: int, pieces: int = 1) -> list[slice]:
        """The rows of a global batch that are this process's: `pieces` slices, worked on one after the other.

        Sizes differ by one row at most. Raises BadSetting where a piece would be empty.
        """
        parts = self.count * pieces
        if batch < parts:
            raise BadSetting(
                f"A batch of {batch} does not give {self.count} processes x {pieces} pieces a row each: "
                "enlarge the batch, or accumulate less."
            )
        edges = [batch * part // parts for part in range(parts + 1)]
        first = self.index * pieces
        return [slice(edges[k], edges[k + 1]) for k in range(first, first + pieces)]

    def share(self, module: nn.Module) -> nn.Module:
        """The module on this process's device, its gradients averaged over the processes."""
        module = module.to(self.device)
        return module if self._accelerator is None else self._accelerator.prepare(module)

    def apart(self, module: nn.Module, more: bool) -> AbstractContextManager[None]:
        """While more pieces are to come, gradients are gathered here and not yet exchanged."""
        if self._accelerator is None or not more:
            return nullcontext()
        return self._accelerator.no_sync(module)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes, the same for all."""
        return values if self._accelerator is None else self._accelerator.reduce(values, "mean")

    def wait(self) -> None:
        """Go on when every process is here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Part from the others at the end of a run."""
        if self._accelerator is not None:
            self._accelerator.end_training()
