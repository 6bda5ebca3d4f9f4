"""One night in a process of its own: ``python -m tests.support.one_night HOME`` prints the release hash.

For trials of what must not matter to a result: threads, hash seeds and time zones are set before a
process starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.world import open_home, result_hash_of, run_night


def main() -> None:
    """Run the night and print the hash of what was published."""
    home = Path(sys.argv[1])
    run_night(home)
    sys.stdout.write(f"{result_hash_of(open_home(home))}\n")


if __name__ == "__main__":
    main()
