"""What steers the generator: speech features, emotion mixtures, pose priors (floor 2)."""
