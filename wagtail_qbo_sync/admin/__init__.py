"""The screens, in Wagtail's admin and on the host's own pages; what they do is done by sync."""
