"""The shipped embeddings of the emotion sentences, computed anew: `python -m tools.prototypes`."""

from __future__ import annotations

import numpy as np

from moda.conditions.prototypes import SHIPPED, computed, fingerprint

if __name__ == "__main__":
    np.savez_compressed(SHIPPED, embeddings=computed().astype(np.float16), fingerprint=np.array(fingerprint()))
