"""What is learnt of a portrait once."""
