"""Beyond one machine: sharded optimizers and data-parallel fits over MPI or torch.distributed.

Ranks are started by `mpiexec` or `torchrun`; communicators are mpi4py's, `torch_group`, or objects
of your own with the methods of `Communicator`. Neither mpi4py nor torch is imported here.
"""

from ..suggest import explain
from .communicators import Communicator, torch_group
from .sharded import Sharded
from .summed import factored, stacked, summed

__all__ = ["Communicator", "Sharded", "factored", "stacked", "summed", "torch_group"]


explain(__name__)
