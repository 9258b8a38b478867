"""Sharded optimizers of PyTorch's tensors, on ranks that are threads."""

from __future__ import annotations

import numpy as np
import pytest
import schuss
from schuss.distributed import Sharded

from tests.ranks.threads import on_ranks
from tests.ranks.training import PARTS, begin, crc, gradients, optimizer, start, train, whole

torch = pytest.importorskip("torch")


def tensors(arrays, kind):
    return {k: None if a is None else kind(torch.from_numpy(a)) for k, a in arrays.items()}


def test_tensors_have_the_bits_of_arrays():
    wanted = crc(whole("AdamW", np.float32)[0])

    def sharded(comm):
        opt = Sharded(optimizer("AdamW"), comm, parts=PARTS)
        params = tensors(start(np.float32), torch.nn.Parameter)
        addresses = {k: p.data_ptr() for k, p in params.items()}
        adopted = opt.adopt(params)
        assert all(adopted[k] is params[k] for k in params)
        assert all(p.data_ptr() != addresses[k] for k, p in params.items())
        versions = [p._version for p in params.values()]
        for step in range(8):
            for part in opt.own_parts:
                opt.accumulate(tensors(gradients(step, part, np.float32), torch.clone))
            opt.step()
        after = [p._version for p in params.values()]
        assert all(a > b for a, b in zip(after, versions, strict=True))
        with opt.averaged():
            pass
        return crc({k: p.detach().numpy() for k, p in params.items()})

    assert on_ranks(4, sharded) == [wanted] * 4


def test_bfloat16():
    dtype = pytest.importorskip("ml_dtypes").bfloat16

    def arrays(comm):
        opt, params = begin(comm, "AdamW", dtype)
        train(opt, np.float32, range(3))
        return crc(params)

    def sharded(comm):
        opt = Sharded(optimizer("AdamW"), comm, parts=PARTS)
        bits = {k: torch.from_numpy(a.view(np.int16)) for k, a in start(dtype).items()}
        params = opt.adopt({k: b.view(torch.bfloat16).clone() for k, b in bits.items()})
        train(opt, np.float32, range(3))
        return crc({k: p.view(torch.int16).numpy() for k, p in params.items()})

    assert on_ranks(2, sharded) == on_ranks(2, arrays)


def test_a_module_trains():
    """Backward passes write gradients that `accumulate` takes, and see the parameters' new bits."""

    def trained(comm):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(64, 5, generator=generator)
        y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0], [3.0]])
        model = torch.nn.Linear(5, 1)
        opt = Sharded(schuss.Adam(0.1), comm, parts=4)
        named = opt.adopt(dict(model.named_parameters()))
        for _ in range(150):
            for part in opt.own_parts:
                model.zero_grad()
                rows = slice(16 * part, 16 * part + 16)
                loss = ((model(x[rows]) - y[rows]) ** 2).mean()
                loss.backward()
                opt.accumulate({k: p.grad for k, p in named.items()})
            opt.step()
        with torch.no_grad():
            return float(((model(x) - y) ** 2).mean()), model.weight.detach().numpy().tobytes()

    found = on_ranks(2, trained)
    assert found[0] == found[1]
    assert found[0][0] < 1e-2


def test_tensors_that_cannot_be_adopted():
    def refused(comm):
        opt = Sharded(schuss.SGD(1.0), comm)
        with pytest.raises(TypeError, match="params"):
            opt.adopt([torch.ones(3, dtype=torch.int64)])

    on_ranks(2, refused)
