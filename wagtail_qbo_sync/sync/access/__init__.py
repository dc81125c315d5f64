"""Who may call QuickBooks, with what, how often, and one at a time: token, budget, lease."""
