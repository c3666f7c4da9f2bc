"""A study: one coordinator requests trials from Optuna and reports what their runs gave; workers only run."""
