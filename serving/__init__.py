"""Everything people touch."""
