#!/usr/bin/env bash
# Two nodes of eight GPUs, one process per GPU. Submit from the checkout, with its .venv on a disk shared by all nodes:
#     sbatch examples/slurm.sh --config=configs/svhn.py --config.train.batch_size=128 --workdir=/shared/runs/svhn
# The job stops with a checkpoint two minutes before its time limit or when it is preempted, and requeues itself until
# the run is finished.
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
trap : TERM # preemption also signals this shell, which must wait for the checkpoint

# --distributed: JAX takes the coordinator, the number of processes and the GPU of each from SLURM's variables.
srun --kill-on-bad-exit=1 .venv/bin/python -m experiments.latent_ebm --distributed "$@"
code=$?

if [ "$code" = 130 ]; then # stopped by a signal, with a checkpoint: continue the job
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
