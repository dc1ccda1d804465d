#!/bin/sh
# Does the smallest runs of all that is compiled, so that the image holds the machine code of the
# processor that builds it. Another kind of processor compiles once more, in each new container.
set -eu

episode() {
    config=$1
    shift
    spikeloop run "examples/$config.toml" --inline --out /tmp/warm --set run.name=warm \
        --set run.generations=1 --set run.tasks=2 --set run.tile_tasks=2 --set family.n_steps=10 \
        --set transfer.tasks=2 --set transfer.random_points=2 --set transfer.random_tasks=2 \
        --set transfer.monitor_tasks=2 "$@" > /dev/null
    rm -r /tmp/warm
}

episode mdp_evolution
episode mdp_published
episode mdp_published --set learner.kind=tabular_td
episode mdp_reward_stdp
episode maze_trace
episode brian_td_mdp
episode brian_liquid_quadratic
