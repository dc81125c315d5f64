"""What manage.py does (docs/reference/commands.md); modules with an underscore are shared."""
