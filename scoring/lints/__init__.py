"""Policy lints: what no assessment scheme should do, checked before it is used (method 3.10)."""

from scoring.lints.finding import Finding, Level, Lint, Material
from scoring.lints.run import LINTS, lint_scheme

__all__ = ["LINTS", "Finding", "Level", "Lint", "Material", "lint_scheme"]
