"""Great Expectations on lazy Polars frames: conditions as Polars expressions, and an execution engine around them.

``conditions`` needs Polars alone. ``polars_engine`` imports Great Expectations, which takes seconds: import it
inside the step that validates. The library reads its analytics switch when it is imported, so the switch is
turned off here, which runs before any module of this package.
"""

import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
