"""The programme's time zone, apart from everything that takes time to import."""

TIME_ZONE = "Asia/Shanghai"
"""Zone of times without one, of days and of the schedule; never that of the host."""
