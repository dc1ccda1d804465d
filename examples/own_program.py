"""A program that knows nothing of Spikeloop: it reads one JSON line and answers with one.

It stands for a simulator of your own, in any language. A line with ``theta`` begins an episode; a
line with ``observation`` asks for an action and brings the feedback on the one before.
"""

import json
import random
import sys

worth: list[float] = []
action, rate, draws = 0, 0.0, random.Random()
for line in sys.stdin:
    message = json.loads(line)
    if "theta" in message:
        rate, draws = message["theta"]["rate"], random.Random(message["seed"])
        worth, epsilon = [1.0] * message["n_actions"], message["theta"]["epsilon"]
        answer: dict[str, object] = {"ready": True}
    else:
        if message["feedback"] is not None:
            worth[action] += rate * (message["feedback"] - worth[action])
        explores = draws.random() < epsilon
        action = draws.randrange(len(worth)) if explores else worth.index(max(worth))
        answer = {"action": action}
    print(json.dumps(answer), flush=True)
