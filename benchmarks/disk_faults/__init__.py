"""A results folder whose file system answers errors: `python -m benchmarks.disk_faults`."""
