"""Where things are kept: settings and home, the ledger, the lake, results and releases.

The only package that imports SQLAlchemy and deltalake.
"""
