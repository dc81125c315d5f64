"""Mirror and clients are compared and the steps are stored; neither side is touched."""
