"""What a worker group knows of one worker."""

from dataclasses import dataclass, field
from typing import Any

from spikeloop.cluster.dispatch.actors import Node
from spikeloop.cluster.dispatch.work_units import Message


@dataclass
class WorkerRecord:
    """One actor, and the calls that it has not answered.

    Attributes:
        started: when the actor was asked for.
        deadline: for the answer that is awaited.
        placed: whether it has been given its cores.
        unconfirmed: whether the answer to ``hello`` must show that it is still alive.
        node_gone: whether the node is lost, and the actor with it.
        grids: numbers of the grids that it has for certain.
        bringing: by call, the numbers of the grids that it brings.
        using: by call, the numbers of the grids that its tiles are cut from.
    """

    actor: Any
    node: Node
    cores: int
    hello: Any
    started: float
    deadline: float
    warm_up: Any = None
    placed: bool = False
    ready: bool = False
    unconfirmed: bool = False
    node_gone: bool = False
    messages: dict[Any, Message] = field(default_factory=dict)
    grids: set[int] = field(default_factory=set)
    bringing: dict[Any, tuple[int, ...]] = field(default_factory=dict)
    using: dict[Any, set[int]] = field(default_factory=dict)

    @property
    def calls(self) -> list[Any]:
        """The calls that have not ended."""
        if self.ready:
            return [*self.messages, self.hello] if self.unconfirmed else list(self.messages)
        return [self.hello if self.warm_up is None else self.warm_up]
