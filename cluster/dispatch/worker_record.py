"""One worker of a crew, as the crew knows it."""

from dataclasses import dataclass, field
from typing import Any

from spikeloop.cluster.dispatch.actors import Node
from spikeloop.cluster.dispatch.work_units import Message


@dataclass
class Member:
    """One actor, and what is under way with it.

    Attributes:
        started: when the actor was asked for.
        deadline: for what is awaited of it.
        placed: whether it has been given its cores.
        doubted: whether ``hello`` is to show that it still episodes.
        node_gone: whether the node is lost, and the actor with it.
        grids: numbers of those that it has for certain.
        bringing: by call, the numbers of the grids that it brings.
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
    doubted: bool = False
    node_gone: bool = False
    messages: dict[Any, Message] = field(default_factory=dict)
    grids: set[int] = field(default_factory=set)
    bringing: dict[Any, tuple[int, ...]] = field(default_factory=dict)

    @property
    def calls(self) -> list[Any]:
        """Those that have not ended."""
        if self.ready:
            return [*self.messages, self.hello] if self.doubted else list(self.messages)
        return [self.hello if self.warm_up is None else self.warm_up]
