"""Checks of data: what raw files hold, whether prepared arrays are whole, which images occur more than once."""
