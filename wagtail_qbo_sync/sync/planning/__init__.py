"""Mirror and clients are compared and the steps are stored; nothing else is written."""
