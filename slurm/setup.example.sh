# Copy to slurm/setup.sh (which git ignores): lines that a job runs before Python, under array.sh and --executor slurm.
# module load python/3.11 cuda/12.4
# source "$HOME/agad-env/bin/activate" && export AGAD_PYTHON=python
# export AGAD_DATA=/shared/data AGAD_CACHE=/shared/agad-cache
