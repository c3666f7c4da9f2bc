#!/bin/bash
# A sweep as an array of Slurm jobs: each task runs workers, one per GPU that it sees, which take the next open run of
# the grid until none is left. An array index decides nothing, so any number of tasks will do, and more may be added.
#
#     sbatch slurm/array.sh                                          # the grid table2
#     sbatch --array=0-31 slurm/array.sh --grid full --results /shared/agad
#     sbatch --partition=a40 --time=12:00:00 slurm/array.sh --grid demo --set updates=200
#
# From the repository's top folder; or from any folder, where agad is installed:
#
#     agad slurm-script > array.sh; sbatch array.sh --grid full
#
# sbatch's own options come before the script's name, launch.py's after it. `launch.py --executor slurm` requests what
# stands here too, unless its options say otherwise.
# Lines to run before Python (module load, activate): slurm/setup.sh, or the file that $AGAD_SLURM_SETUP names.
# Python: $AGAD_PYTHON, else .venv/bin/python, else python3. For an installed agad: $AGAD_PYTHON, else .venv/bin/agad,
# else agad on the path.

#SBATCH --job-name=agad
#SBATCH --array=0-7
#SBATCH --output=slurm/logs/%x-%A_%a.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@180
#SBATCH --time=04:00:00
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G

set -euo pipefail

# Slurm's warning means nothing to the lines below, and would end them; launch.py listens to it as soon as it is up.
trap '' USR1 USR2

# sbatch runs a copy of this script from its spool folder: what it belongs to is where it was submitted.
folder=${SLURM_SUBMIT_DIR:-$PWD}

setup=${AGAD_SLURM_SETUP:-$folder/slurm/setup.sh}
if [[ -f $setup ]]; then
    given=("$@") # a sourced file sees the arguments, hands them on to what it sources, and may change them
    set --
    set +eu # other people's lines need not be so strict
    # shellcheck disable=SC1090
    source "$setup"
    set -eu
    set -- ${given[@]+"${given[@]}"}
elif [[ -n ${AGAD_SLURM_SETUP:-} ]]; then
    echo "array.sh: error: AGAD_SLURM_SETUP names $setup, and there is no such file" >&2
    exit 2
fi

if [[ -f $folder/sweeps/launch.py ]]; then
    python=$folder/.venv/bin/python
    [[ -x $python ]] || python=python3
    launch=("${AGAD_PYTHON:-$python}" "$folder/sweeps/launch.py")
elif [[ -n ${AGAD_PYTHON:-} ]]; then
    launch=("$AGAD_PYTHON" -m agad.sweeps.cli.main launch)
elif [[ -x $folder/.venv/bin/agad ]]; then
    launch=("$folder/.venv/bin/agad" launch)
elif command -v agad >/dev/null; then
    launch=(agad launch)
else
    echo "array.sh: error: no sweeps/launch.py in $folder, and no agad on the path; submit from agad's top folder," \
        "or name the Python that has agad by AGAD_PYTHON" >&2
    exit 2
fi

case " $* " in
    *" --grid"* | *" --plan"*) ;;
    *) set -- --grid table2 "$@" ;;
esac

# exec: Slurm's warning goes to the process of this script, which must be the one that understands it.
exec "${launch[@]}" --executor local --slurm-task "$@"
