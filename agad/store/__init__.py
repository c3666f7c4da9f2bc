"""The rows of a results folder, the claims on its runs, and where a row comes from."""
