"""What no docstring says of an optimizer: a row for each class of `schuss.optimizers`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import schuss
from schuss import _core

from bench import cases


@dataclass(frozen=True)
class Row:
    """One optimizer.

    Attributes:
        use: where it is a good choice.
        fails: when it is a bad one, or what it costs.
        paths: what its picture shows, as names that `schuss.lab.landscape` knows.
        ours: a call of ours; `torch` does the same.
        torch: the call in PyTorch, of `params`; empty where `torch.optim` has none.
        note: what to mind between the two.
        variants: settings that choose another rule.
    """

    use: str
    fails: str
    paths: tuple[str, ...]
    ours: str
    torch: str
    note: str = ""
    variants: tuple[dict[str, Any], ...] = field(default=({},))


TABLE: dict[str, Row] = {
    "SGD": Row(
        use="Convex and well scaled problems; with momentum images and long runs, where the best "
        "test error counts.",
        fails="Curvatures differ much: it crawls along the flat directions. The rate is not tuned.",
        paths=("SGD", "Momentum", "Nesterov"),
        ours="schuss.SGD(learning_rate=0.05, momentum=0.9, nesterov=True)",
        torch="torch.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True)",
        note="PyTorch leaves `dampening` out at the first step. It has no `lr_in_velocity`.",
        variants=(
            {},
            {"momentum": 0.9},
            {"momentum": 0.9, "nesterov": True},
            {"momentum": 0.9, "lr_in_velocity": True},
            {"momentum": 0.9, "nesterov": True, "lr_in_velocity": True},
        ),
    ),
    "ASGD": Row(
        use="Convex problems with noisy gradients, where the average of the points is the answer.",
        fails="The average is not read: `state` has it, the parameters are those of SGD. It begins "
        "before they are near.",
        paths=("SGD", "ASGD"),
        ours="schuss.ASGD(learning_rate=0.01, lambd=1e-4, alpha=0.75, t0=1e6)",
        torch="torch.optim.ASGD(params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6)",
        note="PyTorch keeps the rate and the weight of the average in float32, here they are in "
        "double.",
    ),
    "AdaGrad": Row(
        use="Sparse features, convex problems, little tuning.",
        fails="Long runs: its rate only shrinks.",
        paths=("SGD", "AdaGrad"),
        ours="schuss.AdaGrad(learning_rate=0.01, epsilon=1e-8)",
        torch="torch.optim.Adagrad(params, lr=0.01, eps=1e-8)",
        note="PyTorch's default for `eps` is 1e-10. Its `lr_decay` is a schedule here.",
    ),
    "RMSprop": Row(
        use="Recurrent networks, reinforcement learning.",
        fails="Early steps: its average starts at 0 and is not corrected.",
        paths=("SGD", "RMSprop"),
        ours="schuss.RMSprop(learning_rate=0.001, beta=0.9, momentum=0.8, centered=True)",
        torch="torch.optim.RMSprop(params, lr=0.001, alpha=0.9, momentum=0.8, centered=True)",
        note="Other defaults in PyTorch: `lr=0.01`, `alpha=0.99`.",
        variants=(
            {},
            {"momentum": 0.9},
            {"centered": True},
            {"centered": True, "momentum": 0.9},
        ),
    ),
    "AdaDelta": Row(
        use="There is no rate to choose.",
        fails="Speed matters: it starts slowly.",
        paths=("SGD", "AdaDelta"),
        ours="schuss.AdaDelta(learning_rate=1.0, rho=0.9, epsilon=1e-6)",
        torch="torch.optim.Adadelta(params, lr=1.0, rho=0.9, eps=1e-6)",
    ),
    "Adam": Row(
        use="The first thing to try.",
        fails="It generalizes less well than tuned momentum. L2 decay is scaled away. Memory is "
        "short (three arrays with `amsgrad`).",
        paths=("SGD", "Adam"),
        ours="schuss.Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, amsgrad=True)",
        torch="torch.optim.Adam(params, lr=0.001, betas=(0.9, 0.999), amsgrad=True)",
        variants=({}, {"amsgrad": True}),
    ),
    "AdamW": Row(
        use="Transformers, and wherever decay matters.",
        fails="As Adam, without the trouble with decay.",
        paths=("SGD", "AdamW"),
        ours="schuss.AdamW(learning_rate=0.001, weight_decay=0.01)",
        torch="torch.optim.AdamW(params, lr=0.001, weight_decay=0.01)",
        variants=({}, {"amsgrad": True}),
    ),
    "AdaBelief": Row(
        use="Noisy gradients of steady direction.",
        fails="Gradients are constant: its denominator vanishes, mind `epsilon`.",
        paths=("Adam", "AdaBelief"),
        ours="schuss.AdaBelief(learning_rate=0.001)",
        torch="",
    ),
    "RAdam": Row(
        use="You would rather not tune a warmup.",
        fails="The very first steps: it is momentum until its variance can be trusted.",
        paths=("Adam", "RAdam"),
        ours="schuss.RAdam(learning_rate=0.001, threshold=5.0)",
        torch="torch.optim.RAdam(params, lr=0.001)",
        note="PyTorch's threshold is 5, ours is the paper's 4. PyTorch adds `eps` to the root of "
        "the uncorrected average, which makes a small difference in early steps.",
    ),
    "NAdam": Row(
        use="Adam's place, often a little faster.",
        fails="The rate is large.",
        paths=("Adam", "NAdam"),
        ours="schuss.NAdam(learning_rate=0.001, momentum_decay=0.004)",
        torch="torch.optim.NAdam(params, lr=0.001, momentum_decay=0.004)",
        note="PyTorch's default for `lr` is 0.002.",
    ),
    "Adamax": Row(
        use="Sparse, spiky gradients, embeddings.",
        fails="There is one spike: it is remembered for long.",
        paths=("Adam", "Adamax"),
        ours="schuss.Adamax(learning_rate=0.002)",
        torch="torch.optim.Adamax(params, lr=0.002)",
    ),
    "AdEMAMix": Row(
        use="Long runs of transformers: old gradients still help after thousands of steps.",
        fails="Runs of fewer than about 1 / (1 - β3) steps. Memory is short: three arrays.",
        paths=("AdamW", "AdEMAMix"),
        ours="schuss.AdEMAMix(alpha=5.0, alpha_warmup=10_000, beta3_warmup=10_000)",
        torch="",
        note="pytorch-optimizer's `AdEMAMix` is the same with `weight_decouple=True`. The "
        "schedules of optax start a step later, with a slow average that counts nothing.",
    ),
    "Adan": Row(
        use="Vision and language models trained from scratch, in large batches.",
        fails="Batches are small: differences of gradients are noise. Memory is short: four "
        "arrays.",
        paths=("Adam", "Adan"),
        ours="schuss.Adan(learning_rate=0.001, weight_decay=0.02)",
        torch="",
        note="timm's and pytorch-optimizer's `Adan` are the same. optax's takes 1 - β2 for β2, and "
        "adan-pytorch does not move in the first step.",
    ),
    "Lion": Row(
        use="Large models, large batches, little memory.",
        fails="Batches are small, or the rate is Adam's: take a tenth.",
        paths=("Adam", "Lion"),
        ours="schuss.Lion(learning_rate=1e-4)",
        torch="",
    ),
    "Rprop": Row(
        use="Gradients of the whole data set, whose size says nothing.",
        fails="Gradients are those of batches: noise turns their signs.",
        paths=("SGD", "Rprop"),
        ours="schuss.Rprop(learning_rate=0.01, eta_minus=0.5, eta_plus=1.2)",
        torch="torch.optim.Rprop(params, lr=0.01, etas=(0.5, 1.2))",
        note="PyTorch multiplies gradients where we compare their signs, and leaves a parameter "
        "whose gradient is NaN as it is.",
    ),
    "LAMB": Row(
        use="Large batches: one rate for layers of all sizes, and rates that grow with the batch.",
        fails="Batches are small, where AdamW does as well. Tensors start as zeros: they crawl. "
        "Tensors are joined or cut in another way: the result changes.",
        paths=("Adam", "LAMB"),
        ours="schuss.LAMB(learning_rate=0.001, weight_decay=0.01)",
        torch="",
        note="timm's `Lamb` is the same with `max_grad_norm=None, always_adapt=True`; by default "
        "it clips at a norm of 1 and adapts only what is decayed. optax's `lamb` is the same.",
    ),
    "LARS": Row(
        use="Convolutional networks in very large batches, with a warmup and a falling rate.",
        fails="The rate is that of SGD: it is too small by about 1,000. Tensors start as zeros: "
        "they move at the whole rate, see `zero_ratio`.",
        paths=("Momentum", "LARS"),
        ours="schuss.LARS(learning_rate=1.0, momentum=0.9, weight_decay=5e-4)",
        torch="",
        note="timm's `Lars` is the same with `momentum=0.9, always_adapt=True`; with no decay and "
        "without `always_adapt` it is SGD. optax's `lars` has the rate in the buffer.",
    ),
}


def check() -> None:
    """Refuse a class without a row, a row without a class, and a rule that no variant chooses."""
    classes, rows = set(schuss.optimizers.__all__), set(TABLE)
    if classes != rows:
        raise ValueError(
            f"docs/table.py lacks the optimizers {sorted(classes - rows)} and has the unknown "
            f"{sorted(rows - classes)}"
        )
    chosen = {rule(name, settings) for name, row in TABLE.items() for settings in row.variants}
    if chosen != set(_core.rules()):
        raise ValueError(
            f"the variants in docs/table.py lack the rules {sorted(set(_core.rules()) - chosen)}"
        )


def rule(name: str, settings: dict[str, Any]) -> str:
    """Return the rule that a class uses with these settings."""
    return str(getattr(schuss, name)(**settings).rule)


def slots(name: str, settings: dict[str, Any]) -> list[str]:
    """Return the arrays that it keeps, each as large as the parameters."""
    return list(_core.rules()[rule(name, settings)]["slots"])


def moved(name: str, settings: dict[str, Any], itemsize: int) -> int:
    """Bytes that a step moves for each parameter."""
    return itemsize * cases.moved(_core.rules()[rule(name, settings)])
