"""The comparison methods of the paper's Tables 1 and 2, as far as they can be made here."""
