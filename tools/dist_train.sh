#!/usr/bin/env bash
# Trains on several GPUs, or on CPU processes if there is no GPU:
#   tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
source "$(dirname "${BASH_SOURCE[0]}")/dist_run.sh"
CONFIG=${1:?usage: dist_train.sh CONFIG GPUS [options of tools/train.py]}
GPUS=${2:?usage: dist_train.sh CONFIG GPUS [options of tools/train.py]}
# One message from one process if data is missing.
"$PYTHON" "$TOOLS/train.py" "$CONFIG" --check-data "${@:3}"
# Command that the message after an interruption repeats.
MMSEG_DCC_COMMAND=$(printf ' %q' "$0" "$@")
export MMSEG_DCC_COMMAND="bash$MMSEG_DCC_COMMAND"
run_on_gpus train.py "$GPUS" "$CONFIG" "${@:3}"
