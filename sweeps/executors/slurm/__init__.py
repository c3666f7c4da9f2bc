"""The Slurm executor: submission, the tasks of a job, the queue."""
