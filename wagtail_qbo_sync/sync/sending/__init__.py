"""What was written down goes to QuickBooks, and its answers are stored."""
