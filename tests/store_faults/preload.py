"""Import and compile all that a command needs: what the fork server of ``warm`` does first.

None of it may start a thread, after which forking would not be safe.
"""

import gc
import io

import matplotlib.backends.backend_agg
import matplotlib.figure
import optuna
import pytest  # noqa: F401  which every process imports that multiprocessing starts from a test
import rich.console
import rich.table
from support.blank_figures import save_blank
from support.small_run import small_config

from spikeloop.coordinator.comparison import session  # noqa: F401
from spikeloop.coordinator.report import comparison_report, figures, tuning_report  # noqa: F401
from spikeloop.coordinator.search import run_session, worker_pool  # noqa: F401
from spikeloop.coordinator.verification import verify_run  # noqa: F401
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.fingerprint import fingerprint

matplotlib.figure.Figure.savefig = save_blank  # type: ignore[method-assign, assignment]
figures.new().subplots().legend([])
rich.console.Console(file=io.StringIO()).print(rich.table.Table("warm"))
optuna.storages.RDBStorage("sqlite://")
evaluate(worker_pool.warm_up_job(small_config()))
fingerprint(None)  # the sources may be edited while the tests are going on
gc.collect()
gc.freeze()  # so that no collection in a child touches, and copies, what they share
