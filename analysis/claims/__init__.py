"""What the paper claims, as data, and what rows say of each claim: `python -m analysis.claims reproduction/*`."""
