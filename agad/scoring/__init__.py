"""Scoring: anomaly scores under each evaluation protocol, reconstructions, inference times and saved weights."""
