"""What we expect of data: the input contract, its expectations, and the messages about what is wrong.

Only ``expectations.engine``, ``expectations.suites`` and ``expectations.results`` import Great
Expectations, and only when asked for a suite or a validation; everything else here is plain
declaration and loads in milliseconds.
"""
