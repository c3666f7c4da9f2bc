#!/usr/bin/env bash
# A real one-machine Slurm (slurmctld, slurmd, slurmdbd on MariaDB, munge) for development and CI on Debian 12.
# It needs root, but neither systemd nor cgroups. `slurm/dev_cluster.sh help` prints the usage.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: slurm/dev_cluster.sh [--dir FOLDER] COMMAND

  install            install Debian's packages (nothing of them is started or configured)
  start              write the configuration, start what is not running, wait until the node is idle
  stop               cancel this cluster's jobs and stop its daemons; accounting and job numbers stay
  restart            stop, then start
  reconfigure        apply changed settings to the running cluster; jobs go on
  status             daemons, partitions and jobs; exit status 3 unless every daemon runs
  env                print the line that points Slurm's commands here: eval "$(slurm/dev_cluster.sh env)"
  slurmd stop|start  stop or start the node's daemon alone; jobs on the node go on
  slurmd kill        lose the node: SIGKILL to slurmd and to every process of its jobs
  wipe               stop, then delete FOLDER

settings, read from the environment by start, restart and reconfigure (each one not given has its default):
  AGAD_SLURM_DIR             all state lies below it (/var/lib/agad-slurm); --dir says the same
  AGAD_SLURM_MAX_ARRAY_SIZE  MaxArraySize, one more than the greatest array index (20001)
  AGAD_SLURM_MAX_SUBMIT      a user's jobs in the queue at once, each array task counting (no limit)
  AGAD_SLURM_REQUEUE_WAIT    seconds a requeued job waits; Slurm's own default is 120 (10)
  AGAD_SLURM_CPUS            CPUs the node claims, whatever the machine has (8)
  AGAD_SLURM_PORT            first of three ports on the loopback address; start and restart only (6817)
USAGE
}

packages=(slurm-wlm slurmdbd munge mariadb-server-core mariadb-client-core)
cluster=agad
gpus=4
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'dev_cluster: %s\n' "$*"; }
die() {
  printf 'dev_cluster: error: %s\n' "$*" >&2
  exit 1
}
die_with_log() { # MESSAGE LOGFILE...
  local message=$1 log
  shift
  for log in "$@"; do
    if [[ -s $log ]]; then
      printf -- '--- last lines of %s\n' "$log" >&2
      tail -n 15 "$log" >&2
    fi
  done
  die "$message"
}

# ---- checks --------------------------------------------------------------------------------------------------------

need_root() { [[ $(id -u) -eq 0 ]] || die "'$command' needs root: run it as root or with sudo"; }

need_debian() {
  local id='' version=''
  if [[ -r /etc/os-release ]]; then
    id=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')
    version=$(sed -n 's/^VERSION_ID=//p' /etc/os-release | tr -d '"')
  fi
  [[ $id == debian ]] || die "needs Debian 12 and its packages; this is '${id:-unknown}'"
  [[ $version == 12 ]] || say "note: tried on Debian 12 only; this is Debian ${version:-of no number}"
}

missing_programs() {
  local program
  for program in munged mariadbd mariadb mariadb-install-db slurmdbd slurmctld slurmd sacctmgr sinfo sbatch; do
    command -v "$program" >/dev/null || echo "$program"
  done
}

need_packages() {
  local missing
  missing=$(missing_programs | paste -sd' ')
  [[ -z $missing ]] || die "not installed: $missing; run 'slurm/dev_cluster.sh install' first"
}

# A machine that has its own Slurm configuration belongs to a real cluster: keep away from it.
need_no_foreign_slurm() {
  local foreign=/etc/slurm/slurm.conf
  [[ (! -e $foreign && ! -L $foreign) || $(readlink -f "$foreign") == "$conf" ]] ||
    die "$foreign exists, so this machine has a Slurm of its own; use another machine or a container"
}

need_number() { # NAME VALUE LOWEST
  [[ $2 =~ ^[0-9]{1,8}$ && $((10#$2)) -ge $3 ]] || die "$1 must be a whole number of at least $3, not '$2'"
}

# Slurm's daemons bind the address that the machine's own name resolves to, once they are told not to bind all of them.
loopback_address() {
  local found
  found=$(getent ahostsv4 "$(uname -n)" | awk 'NR == 1 { print $1 }') || true
  [[ $found == 127.* ]] ||
    die "the name '$(uname -n)' resolves to ${found:-nothing}: put the line '127.0.0.1 $(uname -n)' at the top of /etc/hosts"
  printf '%s\n' "$found"
}

# ---- the folder ----------------------------------------------------------------------------------------------------

prepare_folder() {
  if [[ -d $dir && ! -e $marker && -n $(ls -A "$dir") ]]; then
    die "$dir is not empty and was not made by this script: choose another --dir"
  fi
  install -d -m 755 "$dir"
  : >>"$marker"
  install -d -m 755 "$dir/run" "$dir/slurmd" "$dir/gpu"
  install -d -m 700 "$dir/log" "$dir/slurmctld"
  install -d -m 755 -o munge -g munge "$dir/munge"
  install -d -m 700 -o slurm -g slurm "$dir/db"
  install -d -m 755 -o slurm -g slurm "$dir/run/db"
  setpriv --reuid=slurm --regid=slurm --clear-groups test -x "$dir" ||
    die "user 'slurm' cannot reach $dir: choose a folder that all users may enter"
}

lock() { # one command at a time changes the cluster
  exec 9>>"$dir/run/lock"
  flock -w 120 9 || die "another dev_cluster.sh has been busy with $dir for 120 s"
}

write_settings() {
  local max_array=${AGAD_SLURM_MAX_ARRAY_SIZE:-20001} wait=${AGAD_SLURM_REQUEUE_WAIT:-10}
  local cpus=${AGAD_SLURM_CPUS:-8} port=$1 address memory enforce='' new
  need_number AGAD_SLURM_MAX_ARRAY_SIZE "$max_array" 2
  need_number AGAD_SLURM_REQUEUE_WAIT "$wait" 5
  need_number AGAD_SLURM_CPUS "$cpus" 1
  if [[ -n ${AGAD_SLURM_MAX_SUBMIT:-} ]]; then
    need_number AGAD_SLURM_MAX_SUBMIT "$AGAD_SLURM_MAX_SUBMIT" 1
    enforce=AccountingStorageEnforce=limits
  fi
  address=$(loopback_address)
  memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)

  new=$(mktemp "$dir/.slurm.conf.XXXXXX")
  cat >"$new" <<CONF
# Written by slurm/dev_cluster.sh at every start: changes made here are lost.
ClusterName=$cluster
SlurmctldHost=$host($address)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# cred_expire is also what a requeued job waits before it may start again.
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=$wait
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/slurmctld
SlurmdSpoolDir=$dir/slurmd
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
# No cgroups: processes are followed by their parents, and nothing is confined.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=10
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# config_overrides: the node may claim more CPUs than the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
# Short, so that tests see a lost node, a killed task and a queue that moves without waiting.
SlurmdTimeout=20
KillWait=5
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=5
# What can never run is refused by sbatch at once, rather than left pending for ever.
EnforcePartLimits=ALL
MaxArraySize=$max_array
MaxJobCount=100000
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$address
AccountingStoragePort=$((port + 2))
# To slurmdbd this is the path of munge's socket, not a password.
AccountingStoragePass=$dir/munge/socket
AccountingStorageTRES=gres/gpu
$enforce
GresTypes=gpu
NodeName=$host NodeAddr=$address CPUs=$cpus RealMemory=$memory Gres=gpu:a40:$gpus
# gpu: the usual one. short: its limit ends a job in a test. urgent: requeues the jobs of the other two.
PartitionName=gpu Nodes=$host Default=YES DefaultTime=60 MaxTime=7-00:00:00 PriorityTier=1 GraceTime=10
PartitionName=short Nodes=$host DefaultTime=1 MaxTime=2 PriorityTier=1 GraceTime=10
PartitionName=urgent Nodes=$host DefaultTime=10 MaxTime=60 PriorityTier=10 PreemptMode=OFF
CONF
  chmod 644 "$new"
  mv "$new" "$conf"

  # Stand-ins for the GPUs: Slurm wants a device and takes the number in its name for CUDA_VISIBLE_DEVICES; none is opened.
  local i
  for ((i = 0; i < gpus; i++)); do ln -sfn /dev/null "$dir/gpu/nvidia$i"; done
  printf 'NodeName=%s Name=gpu Type=a40 File=%s/gpu/nvidia[0-%d]\n' "$host" "$dir" "$((gpus - 1))" >"$dir/gres.conf"
}

conf_value() { sed -n "s/^$1=//p" "$conf"; }

# ---- daemons -------------------------------------------------------------------------------------------------------

pid_of() { # NAME: the pid if that daemon of this folder is alive
  local pid state
  pid=$(tr -dc 0-9 2>/dev/null <"$dir/run/$1.pid") || return 1
  # After a crash the number may have gone to another process: compare the name. A zombie is dead too.
  [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == "$1"* ]] || return 1
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || return 1
  [[ -n $state && $state != Z ]] || return 1
  printf '%s\n' "$pid"
}

running() { pid_of "$1" >/dev/null; }

wait_until() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# A clean environment keeps the caller's variables out of the jobs; a closed fd 9 does not hold the lock for ever.
launch() { # LOG COMMAND...
  local log=$1
  shift
  (
    umask 022
    cd /
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${TZ:+TZ="$TZ"} SLURM_CONF="$conf" \
      MYSQL_UNIX_PORT="$dir/db/socket" "$@" </dev/null >>"$log" 2>&1 9>&-
  )
}

as_user() { printf '%s\n' setpriv --reuid="$1" --regid="$1" --clear-groups; }

need_port() { # DAEMON PORT
  running "$1" || ! (exec 3<>"/dev/tcp/$(loopback_address)/$2") 2>/dev/null ||
    die "port $2, for $1, is taken by another program: set AGAD_SLURM_PORT"
}

start_munged() {
  ! running munged || return 0
  local key=$dir/munge/key drop
  if [[ ! -s $key ]]; then
    (umask 077 && head -c 128 /dev/urandom >"$key.new")
    chown munge:munge "$key.new"
    mv "$key.new" "$key"
  fi
  rm -f "$dir/munge/socket" "$dir/munge/socket.lock" "$dir/run/munged.pid"
  mapfile -t drop < <(as_user munge)
  launch "$dir/log/munged.log" "${drop[@]}" munged --key-file="$key" --socket="$dir/munge/socket" \
    --pid-file="$dir/munge/pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" ||
    die_with_log "munged did not start" "$dir/log/munged.log" "$dir/munge/log"
  ln -sfn ../munge/pid "$dir/run/munged.pid"
  wait_until 30 test -S "$dir/munge/socket" ||
    die_with_log "munged opened no socket" "$dir/log/munged.log" "$dir/munge/log"
}

sql() { mariadb --no-defaults --protocol=socket --socket="$dir/db/socket" --user=root --batch --skip-column-names; }
database_answers() { sql <<<'SELECT 1'; }

start_mariadbd() {
  ! running mariadbd || return 0
  local drop log=$dir/log/mariadbd.log
  mapfile -t drop < <(as_user slurm)
  cat >"$dir/my.cnf" <<CONF
[mariadbd]
datadir=$dir/db/data
socket=$dir/db/socket
pid-file=$dir/run/db/pid
skip-networking
innodb_buffer_pool_size=64M
innodb_log_file_size=16M
innodb_lock_wait_timeout=900
CONF
  if [[ ! -d $dir/db/data ]]; then
    rm -rf "$dir/db/new"
    install -d -m 700 -o slurm -g slurm "$dir/db/new"
    launch "$log" "${drop[@]}" mariadb-install-db --no-defaults --datadir="$dir/db/new" --skip-test-db \
      --innodb-log-file-size=16M --auth-root-authentication-method=socket --auth-root-socket-user=root ||
      die_with_log "the database could not be made" "$log"
    mv "$dir/db/new" "$dir/db/data"
  fi
  rm -f "$dir/db/socket" "$dir/run/db/pid" "$dir/run/mariadbd.pid"
  launch "$log" "${drop[@]}" setsid --fork mariadbd --defaults-file="$dir/my.cnf"
  ln -sfn db/pid "$dir/run/mariadbd.pid"
  wait_until 60 database_answers || die_with_log "the database does not answer" "$log"
  install -m 644 "$dir/run/db/pid" "$dir/run/mariadbd.pid.new" # readable by all, for status
  mv "$dir/run/mariadbd.pid.new" "$dir/run/mariadbd.pid"
}

accounting_answers() { sacctmgr -n list cluster; }

start_slurmdbd() {
  ! running slurmdbd || return 0
  local password address new log=$dir/log/slurmdbd.log
  address=$(conf_value AccountingStorageHost)
  # A new password at every start: it is kept nowhere but in slurmdbd.conf, and passed on no command line.
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  sql <<SQL || die_with_log "the database refused the accounting user" "$dir/log/mariadbd.log"
CREATE USER IF NOT EXISTS slurmdbd@localhost;
ALTER USER slurmdbd@localhost IDENTIFIED BY '$password';
GRANT ALL ON slurm_acct_db.* TO slurmdbd@localhost;
SQL
  new=$(mktemp "$dir/.slurmdbd.conf.XXXXXX") # mktemp gives mode 600, which slurmdbd demands
  cat >"$new" <<CONF
# Written by slurm/dev_cluster.sh at every start: changes made here are lost.
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
SlurmUser=root
DbdHost=$host
DbdAddr=$address
DbdPort=$(conf_value AccountingStoragePort)
CommunicationParameters=NoInAddrAny
PidFile=$dir/run/slurmdbd.pid
LogFile=$log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurmdbd
StoragePass=$password
StorageLoc=slurm_acct_db
CONF
  mv "$new" "$dir/slurmdbd.conf"
  launch "$log" slurmdbd || die_with_log "slurmdbd did not start" "$log"
  wait_until 60 accounting_answers || die_with_log "slurmdbd does not answer" "$log"
}

# A slurmctld that comes up before its cluster is known to slurmdbd never accounts for anything.
register_cluster() {
  local known
  known=$(sacctmgr -nP list cluster format=cluster)
  if ! grep -qx "$cluster" <<<"$known"; then
    sacctmgr -iQ add cluster "$cluster" >/dev/null || die_with_log "the cluster could not be registered" "$dir/log/slurmdbd.log"
  fi
}

limit_submission() {
  sacctmgr -iQ modify cluster "$cluster" set MaxSubmitJobs="${AGAD_SLURM_MAX_SUBMIT:--1}" >/dev/null ||
    die "AGAD_SLURM_MAX_SUBMIT could not be set"
}

controller_answers() { scontrol ping | grep -q 'is UP'; }

start_slurmctld() {
  ! running slurmctld || return 0
  local log=$dir/log/slurmctld.log
  launch "$log" slurmctld || die_with_log "slurmctld did not start" "$log"
  wait_until 60 controller_answers || die_with_log "slurmctld does not answer" "$log"
}

node_state() { sinfo -h -N -n "$host" -p gpu -o %t; }
node_up() { [[ $(node_state) =~ ^(idle|mix|alloc|comp|plnd)-?$ ]]; }

start_slurmd() {
  local log=$dir/log/slurmd.log
  if ! running slurmd; then
    # A slurmd that is back before its loss was seen leaves the jobs it lost in state RUNNING.
    if [[ -e $dir/run/lost ]]; then scontrol update NodeName="$host" State=DOWN Reason="slurmd was killed"; fi
    rm -f "$dir/run/lost"
    launch "$log" slurmd || die_with_log "slurmd did not start" "$log"
  fi
  if [[ $(node_state) == drain* || $(node_state) == drng* ]]; then
    say "the node is drained ($(sinfo -h -R -o %E | head -n 1)): resuming it"
    scontrol update NodeName="$host" State=RESUME
  fi
  wait_until 60 node_up || die_with_log "the node is '$(node_state)' after 60 s, not idle" "$dir/log/slurmctld.log" "$log"
}

end_daemon() { # NAME SECONDS
  local pid
  if pid=$(pid_of "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_until "$2" gone "$1"; then
      say "$1 ($pid) did not end within $2 s: killing it"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 5 gone "$1" || die "$1 ($pid) cannot be ended"
    fi
  fi
  rm -f "$dir/run/$1.pid"
}
gone() { ! running "$1"; }

# What jobs left running on the node: slurmstepd has our log open, and a job's processes have our SLURM_CONF and the
# SLURMD_NODENAME that only slurmd sets.
job_processes() {
  local entry pid
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    [[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
    if [[ $(cat "$entry/comm" 2>/dev/null) == slurmstepd ]]; then
      if find "$entry/fd" -lname "$dir/log/slurmd.log" 2>/dev/null | grep -q .; then echo "$pid"; fi
    elif grep -qzsx "SLURM_CONF=$conf" "$entry/environ" && grep -qzs '^SLURMD_NODENAME=' "$entry/environ"; then
      echo "$pid"
    fi
  done
}

kill_job_processes() {
  local round pids
  for ((round = 0; round < 20; round++)); do
    mapfile -t pids < <(job_processes)
    [[ ${#pids[@]} -gt 0 ]] || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.1
  done
  die "processes of jobs cannot be ended: ${pids[*]}"
}

cancel_all() {
  local state
  for state in PENDING RUNNING SUSPENDED; do scancel -Q -t "$state" 2>/dev/null || true; done
}

queue_empty() {
  local left
  left=$(squeue -h -o %i) || return 1
  [[ -z $left ]] || {
    cancel_all # again and again: a job's own trap may requeue it while it is being cancelled
    sleep 0.2
    return 1
  }
}

# ---- commands ------------------------------------------------------------------------------------------------------

daemons=(munged mariadbd slurmdbd slurmctld slurmd)

all_running() {
  local name
  for name in "${daemons[@]}"; do running "$name" || return 1; done
}
any_running() {
  local name
  for name in "${daemons[@]}"; do ! running "$name" || return 0; done
  return 1
}

print_env() { printf 'export SLURM_CONF=%q\n' "$conf"; }

do_install() {
  need_debian
  need_no_foreign_slurm
  if [[ -z $(missing_programs) ]]; then
    say "Slurm $(sbatch --version | awk '{ print $2 }') and what it needs are installed already"
    return
  fi
  say "will run apt-get update and apt-get install ${packages[*]}"
  local policy=/usr/sbin/policy-rc.d log
  # Debian starts what it installs; the daemons' own units are no part of this cluster.
  if [[ ! -e $policy ]]; then
    say "will keep Debian from starting them with $policy, deleted afterwards"
    # shellcheck disable=SC2064 # the name is wanted as it is now
    trap "rm -f '$policy'" EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  log=$(mktemp)
  if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${packages[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    die_with_log "apt-get failed; all of its output is in $log" "$log"
  fi
  rm -f "$log"
  say "installed Slurm $(dpkg-query -W -f '${Version}' slurm-wlm)"
}

do_start() {
  need_debian
  need_packages
  need_no_foreign_slurm
  if all_running && [[ -e $conf ]]; then
    say "is running already, with MaxArraySize=$(conf_value MaxArraySize); 'reconfigure' applies changed settings"
    print_env
    return
  fi
  local port=${AGAD_SLURM_PORT:-6817} began=$SECONDS
  need_number AGAD_SLURM_PORT "$port" 1024
  ((port <= 65533)) || die "AGAD_SLURM_PORT must be at most 65533, not '$port'"
  loopback_address >/dev/null
  say "will start ${daemons[*]} on $(loopback_address), ports $port to $((port + 2)), with all state below $dir"
  prepare_folder
  lock
  if any_running && [[ -e $conf ]]; then port=$(conf_value SlurmctldPort); fi
  need_port slurmctld "$port"
  need_port slurmd "$((port + 1))"
  need_port slurmdbd "$((port + 2))"
  write_settings "$port"
  start_munged
  start_mariadbd
  start_slurmdbd
  register_cluster
  limit_submission
  start_slurmctld
  start_slurmd
  say "is running: $(sinfo -h -o '%P' | paste -sd' ') on node $host, which is $(node_state), in $((SECONDS - began)) s"
  print_env
}

do_stop() {
  if [[ ! -e $marker ]]; then
    say "is not running: there is no $dir"
    return
  fi
  say "will cancel the jobs of cluster '$cluster' in $dir and stop its daemons"
  lock
  local name i
  if running slurmctld && running slurmd; then
    if ! wait_until 20 queue_empty; then
      say "jobs are left after 20 s: killing their processes"
      kill_job_processes
      wait_until 20 queue_empty || say "jobs are left in the queue; the next start will find them lost"
    fi
  elif running slurmctld; then
    cancel_all
  fi
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
    name=${daemons[i]}
    end_daemon "$name" 20
    if [[ $name == slurmd ]]; then kill_job_processes; fi
  done
  rm -f "$dir/munge/socket" "$dir/munge/socket.lock" "$dir/db/socket" "$dir/run/lost"
  say "is stopped"
}

do_reconfigure() {
  all_running || die "is not running: use start"
  need_no_foreign_slurm
  say "will rewrite $conf and start slurmctld anew; jobs go on"
  lock
  write_settings "$(conf_value SlurmctldPort)"
  limit_submission
  end_daemon slurmctld 20
  start_slurmctld
  scontrol reconfigure
  start_slurmd
  say "runs with MaxArraySize=$(conf_value MaxArraySize)"
}

do_status() {
  local name pid down=0
  for name in "${daemons[@]}"; do
    if pid=$(pid_of "$name"); then
      say "$name runs ($pid)"
    else
      say "$name does not run"
      down=1
    fi
  done
  if running slurmctld; then
    sinfo -o '%10P %5a %11l %6D %6t %G'
    say "jobs: $(squeue -h -r -o %T | sort | uniq -c | awk '{ printf "%s%d %s", sep, $1, tolower($2); sep = ", " }' | grep . || echo none)"
  fi
  [[ $down -eq 0 ]] || exit 3
}

do_slurmd() {
  [[ -e $marker && -e $conf ]] || die "is not running: use start"
  lock
  case ${1:-} in
    stop)
      say "will stop slurmd; its jobs go on"
      end_daemon slurmd 20
      ;;
    start)
      running slurmctld || die "slurmctld does not run: use start"
      say "will start slurmd"
      start_slurmd
      say "node $host is $(node_state)"
      ;;
    kill)
      say "will kill slurmd and every process of its jobs"
      local pid
      : >"$dir/run/lost"
      if pid=$(pid_of slurmd); then kill -KILL "$pid"; fi
      kill_job_processes
      rm -f "$dir/run/slurmd.pid"
      ;;
  esac
}

do_wipe() {
  do_stop
  [[ -e $marker ]] || return 0
  say "will delete $dir"
  rm -rf -- "$dir"
}

# ---- the command line ----------------------------------------------------------------------------------------------

misused() {
  printf 'dev_cluster: error: %s\n' "$1" >&2
  usage >&2
  exit 2
}

dir=${AGAD_SLURM_DIR:-/var/lib/agad-slurm}
words=()
while (($#)); do
  case $1 in
    --dir)
      [[ $# -ge 2 ]] || misused "--dir needs a folder"
      dir=$2
      shift
      ;;
    --dir=*) dir=${1#--dir=} ;;
    -h | --help | help) usage && exit 0 ;;
    -*) misused "unknown option '$1'" ;;
    *) words+=("$1") ;;
  esac
  shift
done
command=${words[0]:-}
case "${#words[@]} ${words[*]}" in
  '1 install' | '1 start' | '1 stop' | '1 restart' | '1 reconfigure' | '1 status' | '1 env' | '1 wipe') ;;
  '2 slurmd start' | '2 slurmd stop' | '2 slurmd kill') ;;
  '0 ') misused "no command given" ;;
  *) misused "unknown command '${words[*]}'" ;;
esac
# Slurm's files know no quoting, a socket's path has at most 107 bytes, and '/' itself is nobody's folder.
[[ $dir =~ ^(/[A-Za-z0-9._+-]+)+$ && ${#dir} -le 70 && $dir/ != */../* ]] ||
  die "--dir must be an absolute path of letters, digits and . _ + -, at most 70 characters, not '$dir'"

host=$(uname -n)
host=${host%%.*}
marker=$dir/.made-by-dev-cluster
conf=$dir/slurm.conf
export SLURM_CONF=$conf
# The caller's other SLURM_ and filter variables would change what squeue and sinfo answer here.
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(SQUEUE|SINFO|SCANCEL|SLURM|SACCTMGR)_' | grep -vx SLURM_CONF)

case $command in
  env) print_env && exit 0 ;;
  status) do_status && exit 0 ;;
esac
need_root
case $command in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  restart)
    do_stop
    do_start
    ;;
  reconfigure) do_reconfigure ;;
  slurmd) do_slurmd "${words[1]}" ;;
  wipe) do_wipe ;;
esac
