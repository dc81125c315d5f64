"""The door to QuickBooks: HTTP, OAuth, faults and limits. Knows no host."""
