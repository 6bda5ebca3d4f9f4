"""Write the demo county: ``python -m examples.demo_county FOLDER [--seed N]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from examples.demo_county import SEED, generate


def main() -> int:
    """Write the county into the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo_county", description="Write the demo county.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    county = generate(options.folder, options.seed)
    sys.stdout.write(f"{county.inbox}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
