"""What should happen, decided from values alone: no Django, no HTTP, no clock, no randomness."""
