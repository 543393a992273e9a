#!/usr/bin/env bash
# Two nodes of eight GPUs, one process a GPU. Submit from the checkout, with its .venv on a disk that all nodes see:
#     sbatch examples/slurm.sh --config=configs/svhn.py --config.train.batch_size=128 --workdir=/shared/runs/svhn
# The job stops with a checkpoint two minutes before its time is up or when it is preempted, and queues itself again
# until the run is finished.
#SBATCH --job-name=ebmjax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=4
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -uo pipefail
cd "$SLURM_SUBMIT_DIR"
trap : TERM # a preempted job signals this shell, too; it waits for the checkpoint

# --distributed: JAX takes the coordinator, the number of processes and the GPU of each from SLURM's variables.
srun --kill-on-bad-exit=1 .venv/bin/python -m experiments.latent_ebm --distributed "$@"
code=$?

if [ "$code" = 130 ]; then # stopped by a signal, with a checkpoint: the same job goes on
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
