"""What all tests share: reproducible hypothesis runs. Statistical asserts are in statistical.py."""

import os
import secrets

import hypothesis

# Ray reads its token once per process, so all clusters that a test process meets share one.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

# Derandomised, so that a red test is red again; no deadline, because machines are busy.
hypothesis.settings.register_profile("spikeloop", derandomize=True, deadline=None)
hypothesis.settings.load_profile("spikeloop")
