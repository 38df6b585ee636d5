#!/usr/bin/env bash
# Trains on a Slurm cluster, one task per GPU:
#   GPUS=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS are read from the
# environment.
set -euo pipefail
USAGE='usage: slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]'
PARTITION=${1:?$USAGE}
JOB_NAME=${2:?$USAGE}
CONFIG=${3:?$USAGE}
GPUS=${GPUS:-2}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
# Command that the message after an interruption repeats.
MMSEG_DCC_COMMAND=$(printf ' %q' "$0" "$@")
export MMSEG_DCC_COMMAND="GPUS=$GPUS bash$MMSEG_DCC_COMMAND"
# shellcheck disable=SC2086  # SRUN_ARGS holds several arguments
srun --partition="$PARTITION" --job-name="$JOB_NAME" \
    --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --gres="gpu:$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" \
    "$CONFIG" --launcher slurm "${@:4}"
