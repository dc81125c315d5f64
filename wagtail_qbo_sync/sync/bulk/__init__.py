"""One decision about many customers, in slices; what was chosen and is not saved yet."""
