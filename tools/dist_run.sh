# Sourced by dist_train.sh and dist_test.sh: starts one process per GPU.
# NNODES, NODE_RANK, PORT and MASTER_ADDR are read from the environment.
set -euo pipefail
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Without an active environment, that of quickstart.sh if it exists.
if [ -z "${PYTHON:-}${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] &&
    [ -x "$TOOLS/../.venv/bin/python" ]; then
    PYTHON=$TOOLS/../.venv/bin/python
fi
PYTHON=${PYTHON:-python}
# As in mmseg: use this clone, whether it is installed or not.
if [ -d "$TOOLS/../mmseg_dcc" ]; then
    export PYTHONPATH=$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}
fi

run_on_gpus() { # SCRIPT GPUS ARGUMENT...
    local script=$1 gpus=$2
    shift 2
    # the value that the launcher would set, with a warning
    [ "$gpus" = 1 ] || export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    # exec: a signal to this script reaches the launcher
    exec "$PYTHON" -m torch.distributed.run \
        --nnodes="${NNODES:-1}" \
        --node_rank="${NODE_RANK:-0}" \
        --master_addr="${MASTER_ADDR:-127.0.0.1}" \
        --master_port="${PORT:-29500}" \
        --nproc_per_node="$gpus" \
        "$TOOLS/$script" "$@" --launcher pytorch
}
