"""The screens, in Wagtail's admin and on the host's own pages; what they do is done by sync.

Nothing here imports qbo or engine, and no view calls QuickBooks but the OAuth callback (rule 2).
"""
