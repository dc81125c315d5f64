"""A module for each screen, or for the acts upon one kind of thing."""
