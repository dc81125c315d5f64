"""Contact Types by file (K15): reading, comparing, telling beforehand, applying, taking back."""
