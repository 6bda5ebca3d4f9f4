"""One Prefect flow per file, and what starts and serves them."""
