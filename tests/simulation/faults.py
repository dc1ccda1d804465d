"""How the faults of a schedule happen to a simulated cluster."""

from simulation.machines import Actor, Machine, Wish
from simulation.network import Network
from simulation.processes import Processes
from simulation.schedule import FOR_GOOD, Fault
from spikeloop.cluster.dispatch.actors import ActorLost
from spikeloop.workers.job import Status

OF_A_NODE = {
    Fault.NODE_DIES,
    Fault.NODE_DRAINED,
    Fault.NODE_FREEZES,
    Fault.SHORT_CUT,
    Fault.LONG_CUT,
    Fault.BROKEN_CONNECTION,
    Fault.WORKERS_DIE,
}
OF_A_WORKER = {
    Fault.WORKER_DIES,
    Fault.OUT_OF_MEMORY,
    Fault.WORKER_FREEZES,
    Fault.WORKER_STALLS,
}


def build(network: Network, processes: Processes) -> None:
    """The first nodes; the faults that belong to nodes; and an appointment for every other."""
    schedule, rng = network.schedule, network.rng
    machines = [network.join(cores) for cores in schedule.nodes]
    if Fault.BAD_DISK in schedule.active:
        rng.choice(machines).bad_disk = True
    if Fault.SLOW_NODE in schedule.active:
        rng.choice(machines).slowness = rng.uniform(1.5, 3.0)
        network.happened[Fault.SLOW_NODE] += 1
    if Fault.OTHERS_FIRST in schedule.active:
        for machine in machines:
            if rng.random() < 0.8:
                take(network, machine, rng.randint(1, machine.cores))
                network.happened[Fault.OTHERS_FIRST] += 1
    for time, fault in schedule.moments:
        network.clock.at(time, happen, network, processes, fault)
    network.clock.at(schedule.quiet_from, calm, network)


def happen(network: Network, processes: Processes, fault: Fault) -> None:
    """One fault, to a node or a worker drawn now; nothing if there is none that it can hit."""
    rng = network.rng
    machines = [one for one in network.machines if one.alive and one.unreachable is None]
    actors = [
        actor
        for machine in machines
        for actor in machine.actors
        if actor.alive and not actor.killed and actor.loss is None
    ]
    if fault is Fault.NODE_JOINS:
        network.join(rng.choice((1, 2, 4)))
    elif fault is Fault.OTHERS_TAKE and machines:
        machine = rng.choice(machines)
        take(network, machine, rng.randint(1, machine.cores))
    elif fault in OF_A_NODE and machines:
        machine = rng.choice(machines)
        network.tell("%s: %s", machine.identifier, fault.value)
        _to_node(network, processes, fault, machine)
    elif fault in OF_A_WORKER and actors:
        actor = rng.choice(actors)
        network.tell("actor %d: %s", actor.number, fault.value)
        _to_worker(network, processes, fault, actor)
    else:
        return
    network.happened[fault] += 1


def take(network: Network, machine: Machine, cores: int) -> None:
    """Another run wants cores of a machine, gets them in its turn, and keeps them for a while."""

    def granted() -> None:
        now, quiet_from = network.clock.now, network.schedule.quiet_from
        network.tell("others take %d cores of %s", cores, machine.identifier)
        seconds = min(network.rng.choice((0.3, 3.0, 30.0)), max(0.0, quiet_from - now))
        network.clock.at(seconds, network.return_cores, machine, cores)

    network.wish(machine, Wish(cores, None, granted))


def calm(network: Network) -> None:
    """All faults stop: a healthy node comes if there is none, or none ever if that is the plan."""
    if Fault.NO_NODES in network.schedule.active:
        network.happened[Fault.NO_NODES] += 1
        for machine in network.machines:
            _die(network, machine)
    elif not any(machine.healthy and machine.cores > 1 for machine in network.machines):
        network.join(4)


def _to_node(network: Network, processes: Processes, fault: Fault, machine: Machine) -> None:
    rng = network.rng
    match fault:
        case Fault.NODE_DIES:
            _die(network, machine)
        case Fault.NODE_DRAINED:
            machine.leaving = True
            network.list_nodes()
            network.clock.at(rng.uniform(0.5, 5.0), _die, network, machine)
        case Fault.NODE_FREEZES:
            seconds = rng.uniform(0.2, 4.0)
            for actor in machine.actors:
                processes.freeze(actor, seconds)
            network.cut(machine, seconds)
        case Fault.SHORT_CUT:
            network.cut(machine, rng.uniform(0.1, 1.4))
        case Fault.LONG_CUT:
            network.cut(machine, rng.uniform(1.6, 6.0))
        case Fault.BROKEN_CONNECTION:
            for actor in machine.actors:
                if actor.running:  # and goes on with it
                    network.lose(actor, ActorLost("connection lost", Status.WORKER_DIED))
        case Fault.WORKERS_DIE:
            for actor in machine.actors:
                network.die(actor, Status.WORKER_DIED)


def _to_worker(network: Network, processes: Processes, fault: Fault, actor: Actor) -> None:
    match fault:
        case Fault.WORKER_DIES:
            network.die(actor, Status.WORKER_DIED)
        case Fault.OUT_OF_MEMORY:
            network.die(actor, Status.OUT_OF_MEMORY)
        case Fault.WORKER_FREEZES:
            processes.freeze(actor, FOR_GOOD)
        case Fault.WORKER_STALLS:
            processes.freeze(actor, network.rng.uniform(0.2, 4.0))


def _die(network: Network, machine: Machine) -> None:
    """A machine is gone at once, which the cluster notices after a while."""
    if machine.alive:
        network.vanish(machine)
        network.clock.at(network.rng.uniform(0.05, 1.5), network.give_up, machine)
