"""What people say, one record at a time: mapping, excluding, settling, undoing."""
