"""Minibatches: every row once, rows stay together, a seed fixes every epoch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schuss.batches import minibatches


@given(st.integers(0, 40), st.integers(1, 50) | st.none(), st.booleans(), st.booleans())
def test_every_row_once_and_together(
    samples: int, batch_size: int | None, shuffle: bool, drop_last: bool
) -> None:
    x = np.arange(3.0 * samples).reshape(samples, 3)
    y = np.arange(samples)
    drop_last = drop_last and samples >= (batch_size or 0)  # else it is refused
    made = minibatches(x, y, batch_size=batch_size, rng=1, shuffle=shuffle, drop_last=drop_last)
    epoch = list(made)
    size = batch_size or samples
    assert len(made) == len(epoch)
    assert all(type(batch) is tuple and len(batch) == 2 for batch in epoch)
    for x_batch, y_batch in epoch:
        assert np.array_equal(x_batch, x[y_batch])
    sizes = [len(y_batch) for _, y_batch in epoch]
    whole, rest = divmod(samples, size) if size else (0, 0)
    assert sizes == [size] * whole + ([rest] if rest and not drop_last else [])
    seen = [row for _, y_batch in epoch for row in y_batch]
    assert len(set(seen)) == len(seen) == sum(sizes)
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_one_array_gives_arrays() -> None:
    epoch = list(minibatches(np.arange(5), batch_size=2, shuffle=False))
    assert [batch.tolist() for batch in epoch] == [[0, 1], [2, 3], [4]]


def test_whole_batch_is_the_data_itself() -> None:
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    ((x_batch, y_batch),) = minibatches(x, y, batch_size=None)
    assert np.array_equal(x_batch, x)
    assert np.array_equal(y_batch, y)
    assert np.shares_memory(x_batch, x)


def test_views_in_order_and_copies_when_shuffled() -> None:
    x = np.arange(6)
    assert all(np.shares_memory(batch, x) for batch in minibatches(x, batch_size=2, shuffle=False))
    assert not any(np.shares_memory(batch, x) for batch in minibatches(x, batch_size=2))


def epochs(made: minibatches[np.ndarray], count: int = 3) -> list[list[int]]:
    return [np.concatenate(list(made)).tolist() for _ in range(count)]


def test_a_seed_fixes_every_epoch_and_epochs_differ() -> None:
    x = np.arange(50)
    first = epochs(minibatches(x, batch_size=8, rng=3))
    assert first == epochs(minibatches(x, batch_size=8, rng=3))
    assert first != epochs(minibatches(x, batch_size=8, rng=4))
    assert len(set(map(tuple, first))) == 3
    assert first != epochs(minibatches(x, batch_size=8))


def test_a_seed_gives_the_same_order_for_good() -> None:
    made = minibatches(np.arange(8), batch_size=3, rng=0)
    assert epochs(made, 2) == [[2, 4, 3, 6, 5, 0, 1, 7], [6, 2, 7, 4, 5, 1, 0, 3]]


def test_a_generator_is_used_and_advanced() -> None:
    x = np.arange(50)
    rng = np.random.Generator(np.random.PCG64(3))
    fresh = [np.concatenate(list(minibatches(x, batch_size=8, rng=rng))).tolist() for _ in "abc"]
    assert fresh == epochs(minibatches(x, batch_size=8, rng=3))


def test_order_is_uniform() -> None:
    # 24 orders of 4 rows, 4,800 epochs: chi-square with 23 degrees of freedom, six sigma.
    made = minibatches(np.arange(4), batch_size=4, rng=0)
    orders = [tuple(next(iter(made))) for _ in range(4_800)]
    counts = np.array([orders.count(order) for order in set(orders)])
    assert len(counts) == 24
    assert ((counts - 200) ** 2 / 200).sum() < 23 + 6 * np.sqrt(2 * 23)


def test_in_order_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    list(minibatches(np.arange(5), batch_size=2, rng=rng, shuffle=False))
    list(minibatches(np.arange(5), batch_size=None, rng=rng))
    assert rng.bit_generator.state == before


def test_copies_continue_with_the_same_epochs() -> None:
    made = minibatches(np.arange(50), batch_size=8, rng=3)
    epochs(made, 1)
    twins = [pickle.loads(pickle.dumps(made)), copy.deepcopy(made)]
    expected = epochs(made)
    assert [epochs(twin) for twin in twins] == [expected] * 2


def test_lists_are_taken() -> None:
    ((x, y),) = minibatches([[1.0], [2.0]], [0, 1], batch_size=2, shuffle=False)
    assert x.tolist() == [[1.0], [2.0]]
    assert y.tolist() == [0, 1]


def test_repr() -> None:
    made = minibatches(np.arange(5), batch_size=2)
    assert repr(made) == "<minibatches: 3 of 2 from 5 samples>"


BAD_VALUES = [
    ([], {"batch_size": 1}, r"arrays has shapes .*; at least one"),
    ([np.float64(1.0)], {"batch_size": 1}, "at least 1 dimension"),
    ([np.ones(3), np.ones(4)], {"batch_size": 1}, r"first sizes \[3, 4\]"),
    ([np.ones(3)], {"batch_size": 0}, "batch_size is 0; a whole number of at least 1"),
    ([np.ones((3, 2))], {"batch_size": 4, "drop_last": True}, "leaves no batch"),
    ([np.ones(0)], {"batch_size": 1, "drop_last": True}, "no batch of the 0 samp"),
    ([np.ones(3)], {"batch_size": 1.5}, r"batch_size is 1\.5; "),
    ([np.ones(3)], {"batch_size": 1, "rng": -1}, "rng is -1; "),
]
BAD_TYPES = [
    ([np.ones(3)], {"batch_size": 1, "rng": "a"}, "rng is 'a'; "),
]


@pytest.mark.parametrize(
    ("arrays", "keywords", "message", "error"),
    [*((*row, ValueError) for row in BAD_VALUES), *((*row, TypeError) for row in BAD_TYPES)],
)
def test_bad_arguments_are_refused_at_once(arrays, keywords, error, message) -> None:
    with pytest.raises(error, match=message):
        minibatches(*arrays, **keywords)
