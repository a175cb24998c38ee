"""What real people have: 10th, 50th and 90th percentile over 16 clips of people talking (112 s). Figures only.

Made by `python -m tools.real_ranges VIDEOS`: interviews, presenters and read sentences, tracked at 25 frames a
second. Ranges are wide because people are: readers of sentences hold the head still, guests of talk shows do not.
Numbers from followed pictures hold the tracker's noise (head_jitter 0.3, head_above_5hz 0.03 on a head that rests);
a take has none and may lie below. Lip sync is by the shipped regressor; of the lag, measured as -17 to 23 ms, the range
given is what nobody notices.
"""

from __future__ import annotations

REAL: dict[str, tuple[float, float, float]] = {
    "sync_correlation": (0.3527, 0.4869, 0.5965),
    "sync_best": (0.3527, 0.4878, 0.5965),
    "sync_lag_ms": (-60.0, -0.6, 60.0),
    "sync_confidence": (0.2566, 0.406, 0.5165),
    "opening_std": (0.164, 0.2777, 0.3666),
    "opening_high": (0.4224, 0.6617, 0.9705),
    "opening_above_5hz": (0.02781, 0.05174, 0.128),
    "closed_share": (0.086, 0.3354, 0.4792),
    "lip_movement": (0.0372, 0.0542, 0.083),
    "lip_dimensions": (1.353, 1.879, 2.533),
    "quiet_opening": (0.0274, 0.1568, 0.5381),
    "pitch_std": (0.6924, 1.909, 4.703),
    "yaw_std": (0.3654, 2.064, 7.766),
    "roll_std": (0.2012, 1.781, 6.374),
    "pitch_speed": (3.416, 7.542, 16.82),
    "yaw_speed": (2.217, 7.688, 17.79),
    "roll_speed": (1.061, 5.078, 10.99),
    "head_above_5hz": (0.003265, 0.02998, 0.1259),
    "head_jitter": (0.3047, 0.6627, 1.001),
    "head_size": (0.0037, 0.01392, 0.02655),
    "head_shift": (0.0189, 0.08415, 0.2591),
    "blink_rate": (7.759, 30.47, 54.5),
    "blink_ms": (103.8, 169, 213.2),
    "blink_completeness": (0.7098, 0.8742, 1),
    "brow_std": (0.004787, 0.01106, 0.04291),
    "brow_raises": (0, 5.517, 18.66),
    "diversity_mouth": (0.04147, 0.06162, 0.07633),
    "diversity_cheeks": (0.01092, 0.02204, 0.03698),
    "diversity_eyes": (0.00941, 0.02223, 0.03394),
    "diversity_brows": (0.008224, 0.0181, 0.03447),
    "flicker": (0.2159, 0.4489, 1.011),
    "wobble": (0.003368, 0.00616, 0.008968),
    "background_change": (15.5, 22.5, 123),
    "background_still": (0.0002129, 0.948, 0.9729),
    "background_flicker": (0.09852, 0.7075, 1.1),
    "identity_spread": (0.005755, 0.01563, 0.02071),
}

#: The same for lip sync by a regressor fitted on footage of other speakers.
REAL_BY_FOOTAGE: dict[str, tuple[float, float, float]] = {
    "sync_correlation": (0.3549, 0.5553, 0.6371),
    "sync_best": (0.4006, 0.5602, 0.6371),
    "sync_confidence": (0.2923, 0.4006, 0.5189),
}
