"""A small recurrent network learns to spell from Python's own manual, in about ten seconds."""

from pydoc_data.topics import topics

import schuss.torch
import torch
from torch import nn

STEPS, LENGTH = 300, 48

torch.manual_seed(0)
torch.set_num_threads(1)

text = "".join(sorted(topics.values()))
letters = sorted(set(text))
number = {letter: k for k, letter in enumerate(letters)}
tokens = torch.tensor([number[letter] for letter in text])


class Speller(nn.Module):
    """The next character, from those before it."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), 32)
        self.memory = nn.GRU(32, 128, batch_first=True)
        self.head = nn.Linear(128, len(letters))

    def forward(self, x, state=None):
        """Return the logits of each next character, and what is remembered."""
        seen, state = self.memory(self.embedding(x), state)
        return self.head(seen), state


model = Speller()
optimizer = schuss.torch.AdamW(model.parameters(), lr=5e-3, max_norm=1.0)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=STEPS)

for step in range(1, STEPS + 1):
    starts = torch.randint(len(tokens) - LENGTH - 1, (24, 1))
    rows = tokens[starts + torch.arange(LENGTH + 1)]
    logits, _ = model(rows[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 50 == 0:
        print(f"step {step}: loss {loss.item():.2f}")

with torch.no_grad():
    sample, state = "The ", None
    x = torch.tensor([[number[letter] for letter in sample]])
    for _ in range(200):
        logits, state = model(x, state)
        x = torch.multinomial((logits[:, -1] / 0.7).softmax(1), 1)
        sample += letters[int(x)]
print(sample)
