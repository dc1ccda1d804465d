"""A user's own Brian2 model as the tables of a configuration, and changes of it."""

import copy
from typing import Any

TABLES: dict[str, Any] = {
    "neurons": {
        "actions": {
            "n": "actions",
            "equations": "dv/dt = (v_rest - v)/tau_m + i_syn/C : volt (unless refractory)\n"
            "di_syn/dt = -i_syn/tau_s : amp\nbaseline : 1",
            "threshold": "v > v_th",
            "reset": "v = v_rest",
            "refractory": "1*ms",
            "on_feedback": "baseline += 0.2*(feedback - baseline)",
            "initial": {"v": "v_rest"},
        }
    },
    "synapses": {
        "plastic": {
            "source": "input",
            "target": "actions",
            "equations": "w : amp\ndx/dt = -x/tau_s : 1 (event-driven)\n"
            "dc/dt = -c/tau_c : 1 (event-driven)",
            "on_pre": "i_syn_post += w\nx += 1",
            "on_post": "c += x",
            "on_feedback": "w = clip(w + eta*(feedback - baseline)*c*chosen, 0*pA, 4*nA)",
            "initial": {"w": "(1.0 + 0.1*index_pre + 0.05*index_post)*nA"},
        },
        "inhibition": {
            "source": "actions",
            "target": "actions",
            "connect": "others",
            "delay_ms": 1.0,
            "on_pre": "i_syn_post -= 50*pA",
        },
    },
    "constants": {
        "v_rest": "-60*mV",
        "v_th": "-55*mV",
        "C": "100 pF",
        "tau_s": "5 ms",
        "tau_c": "30 ms",
    },
    "hyperparameters": {
        "tau_m": {"low": 5.0, "high": 50.0, "default": 20.0, "unit": "ms"},
        "eta": {"low": 1.0, "high": 1000.0, "default": 200.0, "unit": "pA", "scale": "log"},
    },
}


def changed(changes: dict[str, Any], tables: dict[str, Any] = TABLES) -> dict[str, Any]:
    """The tables with some entries put in, by dotted keys; a tuple replaces text by other text."""
    tables = copy.deepcopy(tables)
    for key, value in changes.items():
        *path, last = key.split(".")
        inner = tables
        for name in path:
            inner = inner.setdefault(name, {})
        if isinstance(value, tuple):
            assert value[0] in inner[last]
            value = inner[last].replace(*value)
        inner[last] = value
    return tables
