"""One module per executor. Each only decides where workers run; all start sweeps.worker.worker."""
