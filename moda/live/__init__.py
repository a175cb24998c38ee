"""A face that talks now: speech arrives in pieces, motion leaves in pieces, with a fixed look-ahead."""
