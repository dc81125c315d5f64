"""What is stored, and what all rooms above read of it: cases, runs, outbox, statuses."""
