"""How the small networks of corpus and training are fitted: AdamW in one cycle of rates (Smith and Topin 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class OneCycle:
    """steps, the largest rate, the part of the steps until it is reached, and AdamW's weight decay."""

    steps: int
    rate: float
    rising: float
    decay: float
    fused: bool = False

    def fit(self, network: nn.Module, loss_of: Callable[[], Tensor], tell: Callable[[int, float], None]) -> None:
        """Fit `network` to losses of fresh batches; tell(steps done, smoothed loss) is called after every step."""
        optimiser = torch.optim.AdamW(network.parameters(), self.rate, weight_decay=self.decay, fused=self.fused)
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.rate, total_steps=self.steps + 1, pct_start=self.rising
        )
        mean = 0.0
        for step in range(1, self.steps + 1):
            loss = loss_of()
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            rates.step()
            mean = 0.98 * mean + 0.02 * float(loss.detach()) if step > 1 else float(loss.detach())
            tell(step, mean)
