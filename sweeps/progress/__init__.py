"""Progress of a sweep: what it costs, how far it is."""
