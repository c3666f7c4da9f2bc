"""The data of a worker's runs: opened once, the same for all runs of a plan, and compared with its rows."""
