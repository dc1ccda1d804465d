"""What all tests share: reproducible hypothesis runs. Statistical asserts are in statistical.py."""

import hypothesis

# Derandomised, so that a red test is red again; no deadline, because machines are busy.
hypothesis.settings.register_profile("spikeloop", derandomize=True, deadline=None)
hypothesis.settings.load_profile("spikeloop")
