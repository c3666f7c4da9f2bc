"""Scoring: anomaly scores under each evaluation protocol, reconstructions, inference times, saved weights."""
