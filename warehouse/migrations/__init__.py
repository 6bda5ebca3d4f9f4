"""Migrations of the warehouse's tables."""
