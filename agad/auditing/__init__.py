"""Audits of anybody's anomaly detector: what of its AUROC depends on the order and the make-up of test batches."""
