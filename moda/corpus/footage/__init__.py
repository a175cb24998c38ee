"""From a folder of talking videos to a corpus: shots, faces, motion, filters, labels, shards."""
