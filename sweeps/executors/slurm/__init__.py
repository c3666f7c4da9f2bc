"""What agad says to Slurm, and what it reads from it. The executor that submits is sweeps.executors.slurm.executor."""
