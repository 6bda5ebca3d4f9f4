"""Examples that a newcomer can run."""
