"""The model and the score function under audit: how they are called, watched, forced and put back."""
