"""Reading a delivered file: what it is, whether it is safe to open, and every cell of it as text."""
