#!/usr/bin/env bash
# All workers of a TPU pod slice, one process each. Run from your own machine. $SHARED is a folder mounted at the same
# path on every worker (Filestore, for example), because checkpoints of all workers go into one work directory:
#     TPU=my-slice ZONE=us-central2-b SHARED=/mnt/shared bash examples/tpu_pod.sh setup
#     TPU=my-slice ZONE=us-central2-b SHARED=/mnt/shared bash examples/tpu_pod.sh run --config=configs/svhn.py --config.train.batch_size=128
#     TPU=my-slice ZONE=us-central2-b bash examples/tpu_pod.sh stop    # with a checkpoint
# After a preemption recreate the slice, then repeat `setup` and the same `run`, which resumes from the last checkpoint.
set -euo pipefail

everywhere() {
    gcloud compute tpus tpu-vm ssh "$TPU" --zone "$ZONE" --worker=all --command "$1"
}

action=$1
shift
case "$action" in
setup)
    tar --exclude=.venv --exclude=runs --exclude=.git -czf /tmp/ebmjax.tgz .
    gcloud compute tpus tpu-vm scp /tmp/ebmjax.tgz "$TPU:" --zone "$ZONE" --worker=all
    everywhere "mkdir -p ebmjax && tar -xzf ebmjax.tgz -C ebmjax && cd ebmjax && python3 -m venv .venv &&
        .venv/bin/pip install -q -c constraints.txt -e '.[tpu]'"
    ;;
run)
    # --distributed: JAX finds the other workers from the metadata of the slice.
    everywhere "cd ebmjax && TFDS_DATA_DIR=$SHARED/tensorflow_datasets .venv/bin/python -m experiments.latent_ebm \
        --distributed --workdir=$SHARED/runs/$TPU $(printf '%q ' "$@")"
    ;;
stop)
    everywhere "pkill -TERM -f experiments.latent_ebm"
    ;;
*)
    echo "usage: $0 setup | run --config=FILE ... | stop" >&2
    exit 2
    ;;
esac
