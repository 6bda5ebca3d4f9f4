"""The method: from sums and a scheme to scores. Pure functions of frames; no database, no Prefect."""
