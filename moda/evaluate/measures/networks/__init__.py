"""Published networks that papers measure with, written anew; their weights are looked for, never fetched silently."""
