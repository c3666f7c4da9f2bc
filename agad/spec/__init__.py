"""A run's specification, and what is known of it without reading data (standard library only)."""
