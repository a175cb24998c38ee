"""MoDA: the multi-modal diffusion transformer that turns speech, emotion and identity into facial motion.

arXiv 2507.03256, section 3. Four streams (motion, speech, emotion, identity) meet in `blocks4` joint blocks;
then the three condition streams are joined into one context for `blocks2` blocks of two streams; then everything
is one sequence for `blocks1` single blocks, of which the motion part is read out as a flow-matching velocity.
One class serves the published model (`condition_tokens="repeated"`) and the small one we train
(`condition_tokens="single"`: emotion and identity are one token each instead of one per frame).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moda.errors import BadSetting, BadWeights, WeightsMissing, some
from moda.generator.attention import QKNorm, rotary_table
from moda.generator.blocks import FinalLayer, JointBlock, SingleBlock, ZeroLinear
from moda.generator.conditioning import Conditions, Layout
from moda.generator.embedders import EmotionEmbedder, MLPEmbedder, SpeechEmbedder, sinusoids
from moda.motion.emotions import CLASSES

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
LARGE = 50_000
"""Numbers of a matrix that is stored in half precision."""


@dataclass(frozen=True)
class MoDAConfig:
    """Size and layout of a network; the defaults are the published model."""

    speech_shape: tuple[int, ...] = (12, 768)
    """Speech features of a frame: the layers of HuBERT and their width, or the bands of a log-mel spectrogram."""
    motion_dim: int = 70
    identity_dim: int = 63
    """Numbers that stand for the portrait (21 points in space)."""
    emotions: int = len(CLASSES)
    width: int = 768
    """Channels of a token; `heads` share them."""
    heads: int = 12
    blocks4: int = 3
    """Blocks over motion, speech, emotion and identity apart."""
    blocks2: int = 6
    """Blocks over motion and the three conditions together."""
    blocks1: int = 12
    """Blocks over one stream of all tokens."""
    condition_tokens: str = "repeated"
    """Emotion and identity: "repeated" for every frame, as published, or "single"."""
    has_null_identity: bool = False
    """Whether an identity that is left out was trained."""
    mlp_ratio: int = 4
    time_features: int = 256
    """Sines and cosines of the flow's time."""
    rotary_base: float = 256.0
    segment: int = 80
    """Frames that are planned at once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "speech_shape", tuple(self.speech_shape))
        if self.condition_tokens not in ("repeated", "single"):
            raise BadSetting(f"condition_tokens must be 'repeated' or 'single', not {self.condition_tokens!r}.")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise BadSetting(f"width {self.width} does not split into {self.heads} heads of even size.")

    def check(self) -> None:
        """Raises BadSetting for a size that no network of ours has, before memory is asked for."""
        sizes = (
            self.width,
            self.heads,
            self.motion_dim,
            self.identity_dim,
            self.emotions,
            self.mlp_ratio,
            self.time_features,
            self.segment,
            *self.speech_shape,
            1 + self.blocks4 + self.blocks2 + self.blocks1,
        )
        if not self.speech_shape or any(type(size) is not int or not 1 <= size <= 16_384 for size in sizes):
            raise BadSetting("The sizes of a network must be whole numbers from 1 to 16,384.")
        if min(self.blocks4, self.blocks2, self.blocks1) < 0 or not 1 < self.rotary_base < 1e9:
            raise BadSetting("The blocks or the rotary base of this network are impossible.")
        if sizes[-1] > 200:
            raise BadSetting(f"{sizes[-1] - 1} blocks are more than any network of ours has.")

    @property
    def speech_size(self) -> int:
        """Numbers of speech features per frame."""
        return int(torch.Size(self.speech_shape).numel())


class MoDA(nn.Module):
    """The motion generator; its output is a velocity noise - data in normalised motion space."""

    def __init__(self, config: MoDAConfig) -> None:
        super().__init__()
        self.config = config
        c, width = config, config.width
        self.motion_embedder = MLPEmbedder(2 * c.motion_dim, width)
        self.time_embedder = MLPEmbedder(c.time_features, width)
        self.speech_embedder = SpeechEmbedder(c.speech_size, width)
        self.emotion_embedder = EmotionEmbedder(c.emotions, width)
        self.identity_embedder = MLPEmbedder(c.identity_dim, width)
        self.null_speech = nn.Parameter(torch.zeros(c.speech_shape[-1]))
        self.null_motion = nn.Parameter(torch.zeros(c.motion_dim))
        self.null_identity = nn.Parameter(torch.zeros(c.identity_dim)) if c.has_null_identity else None
        self.blocks4 = nn.ModuleList(JointBlock(4, width, c.heads, c.mlp_ratio) for _ in range(c.blocks4))
        self.blocks2 = nn.ModuleList(JointBlock(2, width, c.heads, c.mlp_ratio) for _ in range(c.blocks2))
        self.blocks1 = nn.ModuleList(SingleBlock(width, c.heads, c.mlp_ratio) for _ in range(c.blocks1))
        self.final = FinalLayer(width, c.motion_dim)

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the weights."""
        return self.null_motion.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.null_motion.device

    def encode_speech(self, speech: Tensor, null_speech: Tensor | None = None) -> Tensor:
        """Speech features (B, L, *speech_shape) -> tokens (B, L, D); rows of the bool mask (B,) become null."""
        if null_speech is not None:
            where = null_speech.view(-1, *[1] * (speech.dim() - 1))
            speech = torch.where(where, self.null_speech.to(speech.dtype), speech)
        return self.speech_embedder(speech.flatten(2))

    def encode_null_speech(self, length: int) -> Tensor:
        """Tokens (1, length, D) of speech that is not given: one frame computed, then repeated."""
        frame = self.null_speech.expand(1, 1, *self.config.speech_shape)
        return self.encode_speech(frame).expand(-1, length, -1)

    def encode_conditions(
        self,
        speech_tokens: Tensor,
        emotion: Tensor,
        identity: Tensor,
        null_identity: Tensor | None = None,
    ) -> Conditions:
        """The part of a forward pass that depends on neither time nor motion.

        speech_tokens (B, L, D) of `encode_speech`; emotion (B, 9), or (B, L, 9) to change it from frame to frame:
        weights over the classes, class 8 being its null; identity (B, 63) or (B, L, 63), averaged over frames as
        published; `null_identity` (B,) bool: rows that get the learned null identity.
        """
        c = self.config
        if identity.dim() == 3:
            identity = identity.mean(dim=1)
        if null_identity is not None:
            if self.null_identity is None:
                raise BadSetting("This model was not trained without identity; leave the identity guidance at 1.")
            identity = torch.where(null_identity[:, None], self.null_identity.to(identity.dtype), identity)
        length, single = speech_tokens.shape[1], c.condition_tokens == "single"
        embedded = self.emotion_embedder(emotion)
        frame_emotion = embedded[:, None] if embedded.dim() == 2 else embedded
        token_emotion = frame_emotion.mean(dim=1, keepdim=True) if single else frame_emotion
        identity_tokens = self.identity_embedder(identity)[:, None].expand(-1, token_emotion.shape[1], -1)
        positions = torch.arange(length, device=speech_tokens.device)
        table = rotary_table(positions, c.width // c.heads, c.rotary_base)
        layout = Layout.of(table, single, token_emotion.shape[1])
        return Conditions((speech_tokens, token_emotion, identity_tokens), frame_emotion, token_emotion, layout)

    def velocity(self, motion: Tensor, time: Tensor, given: Conditions) -> Tensor:
        """(B, L, 140) = [previous frame repeated ‖ noisy motion], (B,) times in 1..1000 -> (B, L, 70)."""
        layout = given.layout
        t = self.time_embedder(sinusoids(time, self.config.time_features).to(motion.dtype))[:, None]
        c_frame, c_token = F.silu(t + given.frame_emotion), F.silu(t + given.token_emotion)
        c_context = layout.join((c_frame, c_token, c_token)) if given.timed else c_frame
        c_all = torch.cat([c_frame, c_context], dim=1) if given.timed else c_frame

        streams: tuple[Tensor, ...] = (self.motion_embedder(motion), *given.streams)
        for block in self.blocks4:
            streams = block(streams, (c_frame, c_frame, c_token, c_token), layout.four, layout.bias)
        x, context = streams[0], layout.join(streams[1:])
        for block in self.blocks2:
            x, context = block((x, context), (c_frame, c_context), layout.two)
        x = torch.cat([x, context], dim=1)
        for block in self.blocks1:
            x = block(x, c_all, layout.one, keep=layout.frames if block is self.blocks1[-1] else None)
        return self.final(x[:, : layout.frames], c_frame)

    def forward(
        self,
        motion: Tensor,
        time: Tensor,
        speech: Tensor,
        emotion: Tensor,
        identity: Tensor,
        *,
        null_speech: Tensor | None = None,
        null_identity: Tensor | None = None,
    ) -> Tensor:
        """`velocity` with conditions given raw; shapes as in `encode_conditions` and `velocity`."""
        tokens = self.encode_speech(speech, null_speech)
        return self.velocity(motion, time, self.encode_conditions(tokens, emotion, identity, null_identity))

    @classmethod
    def from_config(
        cls, config: MoDAConfig, generator: torch.Generator | None = None, device: torch.device | str = "cpu"
    ) -> MoDA:
        """A freshly initialised network: the same generator state gives the same weights on every run.

        Modulations and the read-out start at zero, so that every block starts as the identity (DiT).
        """
        with torch.device("meta"):
            model = cls(config)
        model.to_empty(device="cpu")
        generator = generator or torch.Generator().manual_seed(0)
        with torch.no_grad():
            for module in model.modules():
                initialise(module, generator)
        return model.to(device)

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float16) -> None:
        """Write config.json and model.safetensors into `folder` (made where missing).

        Only matrices of `LARGE` numbers and more are stored in `dtype`: the small ones take little room, and most of
        the rounding error came from them (embedders of identity and motion, read-out).
        """
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            name: value.detach().to("cpu", dtype if value.numel() >= LARGE else torch.float32).contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(state, str(folder / WEIGHTS_FILE))
        (folder / CONFIG_FILE).write_text(json.dumps(asdict(self.config), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> MoDA:
        """Read what `save_pretrained` wrote, in evaluation mode, in `dtype` whatever it is stored in.

        Raises WeightsMissing or BadWeights.
        """
        from safetensors.torch import load_file

        folder = Path(folder)
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not (folder / name).is_file():
                wanted = f"a model folder holds {CONFIG_FILE} and {WEIGHTS_FILE}"
                raise WeightsMissing(f"There is no {name} in {folder}; {wanted}.")
        try:
            raw = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            known = {f.name for f in fields(MoDAConfig)}
            config = MoDAConfig(**{k: v for k, v in raw.items() if k in known})
            config.check()
            with torch.device("meta"):
                model = cls(config)
        except Exception as error:  # a number of the wrong kind breaks in a dozen places
            reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
            raise BadWeights(f"{folder / CONFIG_FILE} does not describe a MoDA network ({reason}).") from error
        try:
            state = load_file(str(folder / WEIGHTS_FILE))
        except Exception as error:  # mostly SafetensorError, but a malformed header also breaks further in
            reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
            raise BadWeights(
                f"{folder / WEIGHTS_FILE} is damaged or cut short ({reason}); copy or download it again."
            ) from error
        check_state(state, {k: tuple(v.shape) for k, v in model.state_dict().items()}, str(folder / WEIGHTS_FILE))
        model.load_state_dict({k: v.to(dtype) for k, v in state.items()}, assign=True)
        return model.to(device).eval().requires_grad_(False)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Fresh values for what a module owns itself, children excluded; called in the order of `MoDA.modules`."""
    match module:
        case ZeroLinear():
            module.weight.zero_()
            module.bias.zero_()
        case nn.Linear():  # Glorot and Bengio 2010, equation 16
            bound = (6.0 / (module.in_features + module.out_features)) ** 0.5
            module.weight.uniform_(-bound, bound, generator=generator)
            module.bias.zero_()
        case QKNorm() | SpeechEmbedder():
            module.gain.fill_(1.0)
        case _:  # the emotion classes and the nulls
            for value in module.parameters(recurse=False):
                value.normal_(0.0, 0.02, generator=generator)


NAMED = 3  # keys of a kind that an error names


def check_state(state: dict[str, Tensor], expected: dict[str, tuple[int, ...]], source: str) -> None:
    """Raise BadWeights naming keys that are missing, not expected or of another shape: the first, and how many."""
    missing = sorted(set(expected) - set(state))
    extra = sorted(set(state) - set(expected))
    wrong = sorted(k for k in set(expected) & set(state) if tuple(state[k].shape) != expected[k])
    shapes = [f"{k} {tuple(state[k].shape)} instead of {expected[k]}" for k in wrong]
    kinds = (("missing", missing), ("not expected", extra), ("of another shape", shapes))
    faults = [f"{title}: {some(names, NAMED)}" for title, names in kinds if names]
    if faults:
        raise BadWeights(f"{source} does not fit this network ({'; '.join(faults)}); it belongs to another model.")
