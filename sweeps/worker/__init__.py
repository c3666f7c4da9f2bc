"""A worker: claims runs, trains them, commits their rows."""
