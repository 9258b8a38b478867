"""A network reads handwritten digits on 1, 2, 4 or 8 ranks, with the same losses to the last digit.

OMP_NUM_THREADS=1 mpiexec -n 4 python digits_mpi.py --checkpoint digits
"""

import argparse
from pathlib import Path

import numpy as np
import schuss
from mpi4py import MPI
from sklearn.datasets import load_digits

BATCH, PARTS = 96, 8  # images a step, and the micro-batches that they are cut into

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--checkpoint", type=Path, help="folder to save to, and to go on from")
arguments = parser.parse_args()

images, labels = load_digits(return_X_y=True)
images = (images / 16).astype(np.float32)
order = np.random.default_rng(0).permutation(len(labels))
train, test = order[:1440], order[1440:]


def layers(params, x):
    """The values of both layers."""
    hidden = np.maximum(x @ params["w1"] + params["b1"], 0)
    return hidden, hidden @ params["w2"] + params["b2"]


def loss_and_gradients(params, x, y):
    """The mean cross entropy, and its gradients."""
    hidden, scores = layers(params, x)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    right = np.arange(len(y)), y
    loss = -np.log(p[right]).mean()
    p[right] -= 1
    p /= len(y)
    back = (p @ params["w2"].T) * (hidden > 0)
    return loss, {"w1": x.T @ back, "b1": back.sum(0), "w2": hidden.T @ p, "b2": p.sum(0)}


rng, comm = np.random.default_rng(0), MPI.COMM_WORLD
params = {
    "w1": schuss.initializers.he_normal((64, 64), rng=rng),
    "b1": np.zeros(64, np.float32),
    "w2": schuss.initializers.he_normal((64, 10), rng=rng),
    "b2": np.zeros(10, np.float32),
}
opt = schuss.distributed.Sharded(schuss.Adam(3e-3, max_norm=1.0), comm, parts=PARTS)
params = opt.adopt(params)
if arguments.checkpoint and (arguments.checkpoint / "meta.safetensors").exists():
    opt.load(arguments.checkpoint)

steps = len(train) // BATCH
for epoch in range(opt.step_count // steps, arguments.epochs):
    losses = np.zeros((PARTS, steps))
    # An order of its own for each epoch, and the same on all ranks.
    for step, rows in enumerate(schuss.minibatches(train, batch_size=BATCH, rng=[0, epoch])):
        for part in opt.own_parts:
            own = rows[part::PARTS]
            losses[part, step], grads = loss_and_gradients(params, images[own], labels[own])
            opt.accumulate(grads)
        opt.step()
    comm.Allgather(MPI.IN_PLACE, losses)  # each rank has computed the rows of its parts
    if comm.rank == 0:
        right = (layers(params, images[test])[1].argmax(1) == labels[test]).mean()
        print(f"epoch {epoch + 1:2}: loss {losses.mean()}, accuracy {right:.1%}", flush=True)
    if arguments.checkpoint:
        opt.save(arguments.checkpoint)
