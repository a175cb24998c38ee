"""MoDA: the multi-modal diffusion transformer that turns speech, emotion and identity into facial motion.

arXiv 2507.03256, section 3. Four streams (motion, speech, emotion, identity) meet in `blocks4` joint blocks;
then the three condition streams are joined into one context for `blocks2` blocks of two streams; then everything
is one sequence for `blocks1` single blocks, of which the motion part is read out as a flow-matching velocity.
One class serves the published model (`condition_tokens="repeated"`) and the small one we train
(`condition_tokens="single"`: emotion and identity are one token each instead of one per frame).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from moda.errors import BadSetting, BadWeights, WeightsMissing, some
from moda.generator.attention import repeat_bias, rotary_table
from moda.generator.blocks import FinalLayer, JointBlock, SingleBlock
from moda.generator.embedders import EmotionEmbedder, SpeechEmbedder, TwoLayer, sinusoids

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


@dataclass(frozen=True)
class MoDAConfig:
    """Size and layout of a network; the defaults are the published model."""

    width: int = 768
    heads: int = 12
    blocks4: int = 3
    blocks2: int = 6
    blocks1: int = 12
    speech_shape: tuple[int, ...] = (12, 768)
    motion_dim: int = 70
    identity_dim: int = 63
    emotions: int = 9
    condition_tokens: str = "repeated"
    has_null_identity: bool = False
    mlp_ratio: int = 4
    time_features: int = 256
    rotary_base: float = 256.0
    segment: int = 80

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


@dataclass(frozen=True)
class Conditions:
    """Everything of a segment that no sampling step changes: worked out once, used by every step."""

    speech: Tensor  # (B, L, D)
    emotion: Tensor  # (B, 1 or L, D): added to the time embedding
    emotion_tokens: Tensor  # (B, 1 or L, D)
    identity_tokens: Tensor  # (B, 1 or L, D)
    rotary: Tensor  # (2, L, d / 2)

    @staticmethod
    def stack(rows: Sequence[Conditions]) -> Conditions:
        """Several branches as one batch, in order."""
        joined = {f.name: torch.cat([getattr(row, f.name) for row in rows]) for f in fields(Conditions)[:-1]}
        return replace(rows[0], **joined)

    def repeat(self, times: int) -> Conditions:
        """Every row `times` times, rows staying together (as torch.repeat_interleave)."""
        if times == 1:
            return self
        rows = {f.name: getattr(self, f.name).repeat_interleave(times, 0) for f in fields(self)[:-1]}
        return replace(self, **rows)


class MoDA(nn.Module):
    """The motion generator; its output is a velocity noise - data in normalised motion space."""

    def __init__(self, config: MoDAConfig) -> None:
        super().__init__()
        self.config = config
        c, width = config, config.width
        self.motion_embedder = TwoLayer(2 * c.motion_dim, width)
        self.time_embedder = TwoLayer(c.time_features, width)
        self.speech_embedder = SpeechEmbedder(c.speech_size, width)
        self.emotion_embedder = EmotionEmbedder(c.emotions, width)
        self.identity_embedder = TwoLayer(c.identity_dim, width)
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
        """Tokens (1, length, D) of speech that is not given: one frame worked out, then repeated."""
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
        embedded = self.emotion_embedder(emotion)
        length = speech_tokens.shape[1]
        emotion_tokens = embedded[:, None] if embedded.dim() == 2 else embedded
        identity_tokens = self.identity_embedder(identity)[:, None]
        if embedded.dim() == 2:
            embedded = embedded[:, None]
        elif c.condition_tokens == "single":
            emotion_tokens = embedded.mean(dim=1, keepdim=True)
        else:
            identity_tokens = identity_tokens.expand(-1, length, -1)
        positions = torch.arange(length, device=speech_tokens.device)
        return Conditions(
            speech=speech_tokens,
            emotion=embedded,
            emotion_tokens=emotion_tokens,
            identity_tokens=identity_tokens,
            rotary=rotary_table(positions, c.width // c.heads, c.rotary_base),
        )

    def velocity(self, motion: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """(B, L, 140) = [previous frame repeated ‖ noisy motion], (B,) times in 1..1000 -> (B, L, 70)."""
        length = motion.shape[1]
        table = conditions.rotary
        features = sinusoids(time, self.config.time_features).to(motion.dtype)
        base = self.time_embedder(features)[:, None] + conditions.emotion
        c_frames = nn.functional.silu(base)
        single = self.config.condition_tokens == "single"
        per_frame = base.shape[1] > 1
        c_token = nn.functional.silu(base.mean(dim=1, keepdim=True)) if single and per_frame else c_frames

        x = self.motion_embedder(motion)
        streams: tuple[Tensor, ...] = (x, conditions.speech, conditions.emotion_tokens, conditions.identity_tokens)
        # Without rotary positions equal tokens stay equal through these blocks, so one stands for all `length`.
        times = [1 if single else length // s.shape[1] for s in streams[2:]]
        bias = repeat_bias([(2 * length, 1), *[(s.shape[1], n) for s, n in zip(streams[2:], times)]], motion.device)
        for block in self.blocks4:
            streams = block(streams, (c_frames, c_frames, c_token, c_token), (table, table, None, None), bias)

        tail = streams[2:] if single else [s.expand(-1, length, -1) for s in streams[2:]]
        x, context = streams[0], torch.cat([streams[1], *tail], dim=1)
        tail_table = turn_none(table, 2) if single else torch.cat([table, table], dim=1)
        context_table = torch.cat([table, tail_table], dim=1)
        c_context = torch.cat([c_frames, c_token, c_token], dim=1) if single and per_frame else c_frames
        if per_frame and not single:
            c_context = c_frames.repeat(1, 3, 1)
        for block in self.blocks2:
            x, context = block((x, context), (c_frames, c_context), (table, context_table))

        x = torch.cat([x, context], dim=1)
        c_all = torch.cat([c_frames, c_context], dim=1) if per_frame else c_frames
        table_all = torch.cat([table, context_table], dim=1)
        for index, block in enumerate(self.blocks1):
            last = index == len(self.blocks1) - 1
            x = block(x, c_all, table_all, keep=length if last else None)
        return self.final(x[:, :length], c_frames)

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
            for name, value in model.named_parameters():
                if name.endswith("gain"):
                    value.fill_(1.0)
                elif "modulation" in name or name.startswith("final.") or name.endswith(".bias"):
                    value.zero_()
                elif value.dim() == 2 and name.endswith("weight"):
                    bound = (6.0 / (value.shape[0] + value.shape[1])) ** 0.5
                    value.uniform_(-bound, bound, generator=generator)
                else:
                    value.normal_(0.0, 0.02, generator=generator)
        return model.to(device)

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json and model.safetensors into `folder` (made where missing); float16 halves the file."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().to("cpu", dtype).contiguous() for name, value in self.state_dict().items()}
        save_file(state, str(folder / WEIGHTS_FILE))
        (folder / CONFIG_FILE).write_text(json.dumps(asdict(self.config), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> MoDA:
        """Read what `save_pretrained` wrote, in evaluation mode. Raises WeightsMissing or BadWeights."""
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
        except Exception as error:  # mostly SafetensorError, but a lying header also breaks further in
            reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
            raise BadWeights(
                f"{folder / WEIGHTS_FILE} is damaged or cut short ({reason}); copy or download it again."
            ) from error
        check_state(state, {k: tuple(v.shape) for k, v in model.state_dict().items()}, str(folder / WEIGHTS_FILE))
        model.load_state_dict({k: v.to(dtype) for k, v in state.items()}, assign=True)
        return model.to(device).eval().requires_grad_(False)


def turn_none(table: Tensor, count: int) -> Tensor:
    """Rotary entries of `count` tokens that are not turned at all, (2, count, d / 2)."""
    ones = torch.ones_like(table[:1, :1]).expand(1, count, -1)
    return torch.cat([ones, torch.zeros_like(ones)])


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
