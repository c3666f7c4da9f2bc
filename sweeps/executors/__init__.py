"""One folder for each executor. An executor only decides where workers run; all start the same worker."""
