"""A network reads handwritten digits: one run of schuss.torch.Adam, about two seconds."""

import schuss.torch
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)  # batches are too small for more

data = load_digits()
images = torch.tensor(data.data / 16, dtype=torch.float32)
labels = torch.tensor(data.target)
order = torch.randperm(len(labels))
train, test = order[:1440], order[1440:]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = schuss.torch.Adam(model.parameters(), lr=2e-3, max_norm=1.0)

for epoch in range(1, 21):
    for batch in train[torch.randperm(len(train))].split(64):
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(images[test]).argmax(1) == labels[test]).float().mean()
    print(f"epoch {epoch:2}: loss {loss.item():.3f}, accuracy {right.item():.1%}")
