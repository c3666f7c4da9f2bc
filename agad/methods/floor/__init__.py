"""The floor: detectors on pixels that train no net. What a reader must know before any other number of a table."""
