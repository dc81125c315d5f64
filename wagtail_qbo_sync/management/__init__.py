"""What Django finds by this name; the commands stand in `commands`."""
