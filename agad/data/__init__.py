"""Data: where images come from, how they are prepared once, and which of them a run is trained and tested on."""
