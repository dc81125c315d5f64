"""What manage.py does (docs/reference/commands.md); modules with an underscore are shared.

What they do is done by sync, as by the screens: nothing here imports qbo or engine.
"""
