"""What real people have: 10th, 50th and 90th percentile over 16 clips of people talking (112 s). Figures only.

Made by `python -m moda.evaluate.footage VIDEOS`: interviews, presenters and read sentences, tracked at 25 frames a
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
    "opening_std": (0.1639, 0.2783, 0.3669),
    "opening_high": (0.4224, 0.6648, 0.971),
    "opening_above_5hz": (0.02752, 0.05242, 0.1276),
    "closed_share": (0.086, 0.3354, 0.4792),
    "quiet_opening": (0.0274, 0.1568, 0.5381),
    "pitch_std": (0.7012, 1.909, 4.705),
    "yaw_std": (0.3516, 2.069, 7.764),
    "roll_std": (0.2033, 1.788, 6.371),
    "pitch_speed": (3.616, 7.595, 16.75),
    "yaw_speed": (2.149, 7.758, 17.79),
    "roll_speed": (1.116, 5.08, 10.98),
    "head_above_5hz": (0.003231, 0.03022, 0.1285),
    "head_jitter": (0.308, 0.6562, 1.005),
    "head_size": (0.003703, 0.0139, 0.02683),
    "head_shift": (0.01887, 0.08415, 0.2591),
    "blink_rate": (7.759, 30.47, 54.5),
    "blink_ms": (104.2, 170.9, 213.2),
    "blink_completeness": (0.7112, 0.8744, 1),
    "brow_std": (0.005186, 0.01116, 0.04293),
    "brow_raises": (0, 5.517, 18.66),
    "diversity_mouth": (0.04188, 0.06162, 0.07631),
    "diversity_cheeks": (0.01115, 0.02206, 0.03699),
    "diversity_eyes": (0.009442, 0.02226, 0.03411),
    "diversity_brows": (0.008382, 0.01817, 0.03454),
    "flicker": (0.274, 0.5296, 1.121),
    "wobble": (0.003513, 0.006167, 0.009052),
    "background_change": (15.5, 22.5, 123),
    "background_flicker": (0.09852, 0.7075, 1.1),
    "identity_spread": (0.005887, 0.01537, 0.02082),
}

#: The same for lip sync by a regressor fitted on footage of other speakers.
REAL_BY_FOOTAGE: dict[str, tuple[float, float, float]] = {
    "sync_correlation": (0.3549, 0.5553, 0.6371),
    "sync_best": (0.4006, 0.5602, 0.6371),
    "sync_confidence": (0.2923, 0.4006, 0.5189),
}
