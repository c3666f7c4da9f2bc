"""The commands of detectors: fit, score, export."""
