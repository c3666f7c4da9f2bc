"""A storm of kills: `python -m benchmarks.kill_storm`."""
