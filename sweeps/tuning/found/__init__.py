"""What a study has found so far, and the values that a launch takes from it."""
