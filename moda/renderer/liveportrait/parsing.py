"""Which pixels of a rendered crop are face: facexlib's BiSeNet over the CelebAMask-HQ classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from moda.errors import BadWeights
from moda.portrait.paste import face_mask
from moda.renderer.liveportrait.checkpoint import read_checkpoint

WHAT = "facexlib's face parser (parsing_bisenet.pth)"
CLASSES = 19
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FaceParser:
    """Reads ``weights`` once; calling it with a (512, 512, 3) uint8 RGB crop gives its face mask, uint8 0 or 255."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        from facexlib.parsing.bisenet import BiSeNet

        state = read_checkpoint(weights, WHAT)
        network = BiSeNet(num_class=CLASSES)
        expected = set(network.state_dict())
        if expected != set(state):
            odd = sorted(expected ^ set(state))
            raise BadWeights(f"{weights} does not fit {WHAT}: keys {', '.join(odd[:8])} are missing or unexpected.")
        network.load_state_dict(state)
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, crop: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(crop)).to(self._device).permute(2, 0, 1)[None].float() / 255
        mean, deviation = (torch.tensor(v, device=self._device).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
        x = functional.interpolate((x - mean) / deviation, size=(512, 512), mode="bilinear", align_corners=False)
        classes = self._network(x)[0].argmax(dim=1)[0].to(torch.uint8).cpu().numpy()
        return face_mask(classes)
