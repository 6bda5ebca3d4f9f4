"""The parts of the check step: references across datasets, checks between columns, repeated keys."""
