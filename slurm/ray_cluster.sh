#!/usr/bin/env bash
# A Ray cluster inside a Slurm allocation, and a sweep on it. Submit it from the repository, with launch.py's options:
#
#     sbatch --nodes=2 --cpus-per-task=16 --gpus-per-node=4 --time=8:00:00 slurm/ray_cluster.sh \
#         --grid table2 --resources cpu=4,gpu=0.5 --results results
#
# The cluster ends with the job. Ports are free ones, the temporary folder is the job's own on each node and closed to
# other users, and a token that only this job knows guards it: two jobs on one node, of one user or of two, do not meet.
# On one node everything listens on the loopback address alone; on several Ray can only listen on all interfaces. Two
# minutes before the time limit workers write checkpoints; submitted again, the sweep goes on.
#
#SBATCH --job-name=agad-ray
#SBATCH --ntasks-per-node=1
#SBATCH --signal=B:TERM@120
set -euo pipefail

fail() { echo "ray_cluster.sh: error: $*" >&2; exit 2; }

[ -n "${SLURM_JOB_ID:-}" ] || fail "this is for sbatch: sbatch --nodes=2 slurm/ray_cluster.sh --grid demo"
repository=${SLURM_SUBMIT_DIR:-$PWD}
[ -f "$repository/sweeps/launch.py" ] || fail "submit it from the repository; $repository has no sweeps/launch.py"
cd "$repository"
python=${AGAD_PYTHON:-.venv/bin/python}
[ -x "$python" ] || fail "$python is no Python; set AGAD_PYTHON to the one of agad's environment"
"$python" -c 'import ray' 2>/dev/null || fail "$python has no Ray; install it: $python -m pip install 'agad[ray]'"

RAY_AUTH_TOKEN=$("$python" -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0
unset RAY_ADDRESS

# Ray makes its folder writable for all users: it lies in one that only this user enters, with a name that nobody can
# know before. Sockets lie up to 64 characters below it, and a socket's path has 107 at most: /tmp, not a long $TMPDIR.
private=/tmp/agad-ray-$("$python" -c 'import secrets; print(secrets.token_hex(8))')
folder=$private/r
free_ports() {
    "$python" -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in sockets: one.bind(("", 0))
print(*(one.getsockname()[1] for one in sockets))' "$1"
}
read -r gcs_port client_port agent_port <<< "$(free_ports 3)"
head=$(hostname)
cpus=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}
nodes=${SLURM_JOB_NUM_NODES:-1}
if [ "$nodes" -eq 1 ]; then # without the variable Ray replaces a loopback address by the machine's own
    export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
    address=127.0.0.1
else
    address=$("$python" -c 'import ray; print(ray.util.get_node_ip_address())')
fi
common=(--block --temp-dir="$folder" --num-cpus="$cpus" --disable-usage-stats --object-store-memory=150000000
    --min-worker-port=0 --max-worker-port=0)
client=() # Ray refuses the option where ray[client] is not installed, and takes port 10001 where it is
"$python" -c 'import grpc' 2>/dev/null && client=(--ray-client-server-port="$client_port")
step=(--overlap --kill-on-bad-exit=1 --cpus-per-task="$cpus" --ntasks-per-node=1)

# Killing an srun ends its own step and nothing else; `ray stop` would end every Ray of this user on the node.
pids=()
end() {
    trap - EXIT
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait "${pids[@]}" 2>/dev/null || true
    srun --overlap --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 rm -rf "$private" || true
}
trap end EXIT

# Not -p: a folder that is there is somebody else's.
srun --overlap --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 mkdir -m 700 "$private" ||
    fail "cannot make $private on each node"

srun "${step[@]}" --nodes=1 --ntasks=1 --nodelist="${SLURMD_NODENAME:-$head}" \
    "$python" -m ray.scripts.scripts start --head --node-ip-address="$address" --port="$gcs_port" \
    --dashboard-agent-listen-port="$agent_port" --include-dashboard=false "${client[@]}" "${common[@]}" > /dev/null &
pids+=($!)

ready() { "$python" -m ray.scripts.scripts health-check --address "$address:$gcs_port" > /dev/null 2>&1; }
for _ in $(seq 60); do
    ready && break
    kill -0 "${pids[0]}" 2>/dev/null || fail "the head node's Ray ended; look into $folder on $head"
    sleep 1
done
ready || fail "Ray's head did not answer at $address:$gcs_port within a minute"

if [ "$nodes" -gt 1 ]; then # each node finds a free port of its own for its agent
    srun "${step[@]}" --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) --exclude="${SLURMD_NODENAME:-$head}" \
        "$python" -c 'import os, socket, sys
with socket.socket() as one:
    one.bind(("", 0))
    port = one.getsockname()[1]
command = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--dashboard-agent-listen-port={port}", *sys.argv[1:]]
os.execv(sys.executable, command)' --address="$address:$gcs_port" "${common[@]}" > /dev/null &
    pids+=($!)
fi

"$python" sweeps/launch.py --executor ray --address "$address:$gcs_port" "$@" &
launcher=$!
trap 'kill -TERM "$launcher" 2>/dev/null || true' TERM INT
status=0
wait "$launcher" || status=$?
while kill -0 "$launcher" 2>/dev/null; do # a signal ended the wait; the launcher is writing checkpoints
    status=0
    wait "$launcher" || status=$?
done
exit "$status"
