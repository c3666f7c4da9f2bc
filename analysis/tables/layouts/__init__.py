"""The paper's own layouts: its tables with our numbers beside, how much of each there is, what its variants gain."""
