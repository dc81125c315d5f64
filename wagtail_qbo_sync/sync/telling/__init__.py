"""What people are told: why, health, suggestions, previews, mails."""
