"""A network reads handwritten digits on 1, 2, 4 or 8 ranks, with the same losses to the last digit.

torchrun --nproc-per-node 2 digits_torchrun.py --checkpoint digits
"""

import argparse
from pathlib import Path

import numpy as np
import schuss
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn

BATCH, PARTS = 96, 8  # images a step, and the micro-batches that they are cut into

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--checkpoint", type=Path, help="folder to save to, and to go on from")
arguments = parser.parse_args()

torch.manual_seed(0)
torch.set_num_threads(1)
dist.init_process_group("gloo")
comm = schuss.distributed.torch_group()

data = load_digits()
images = torch.tensor(data.data / 16, dtype=torch.float32)
labels = torch.tensor(data.target)
order = torch.randperm(len(labels))
train, test = order[:1440], order[1440:]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = schuss.distributed.Sharded(schuss.Adam(3e-3, max_norm=1.0), comm, parts=PARTS)
params = opt.adopt(dict(model.named_parameters()))  # the same tensors, over new memory
if arguments.checkpoint and (arguments.checkpoint / "meta.safetensors").exists():
    opt.load(arguments.checkpoint)

steps = len(train) // BATCH
for epoch in range(opt.step_count // steps, arguments.epochs):
    losses = np.zeros((PARTS, steps))
    # An order of its own for each epoch, and the same on all ranks.
    shuffle = torch.randperm(len(train), generator=torch.Generator().manual_seed(epoch))
    for step, rows in enumerate(train[shuffle].split(BATCH)):
        for part in opt.own_parts:
            own = rows[part::PARTS]
            loss = nn.functional.cross_entropy(model(images[own]), labels[own])
            model.zero_grad()
            loss.backward()
            opt.accumulate({name: p.grad for name, p in params.items()})
            losses[part, step] = loss.item()
        opt.step()
    comm.allgather(losses.reshape(comm.size, -1))  # each rank has computed the rows of its parts
    if comm.rank == 0:
        with torch.no_grad():
            right = (model(images[test]).argmax(1) == labels[test]).float().mean()
        print(f"epoch {epoch + 1:2}: loss {losses.mean()}, accuracy {right:.1%}", flush=True)
    if arguments.checkpoint:
        opt.save(arguments.checkpoint)
dist.destroy_process_group()
