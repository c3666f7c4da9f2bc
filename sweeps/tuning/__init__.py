"""A study: one coordinator that asks Optuna for trials and tells it what their runs gave; workers only run."""
