"""The cycle, which has all of these take their turn; one customer out of turn; after a gap."""
