"""The failures a user meets, one exception for each exit code of the command line.

    0  done
    1  RunFailed      the run itself failed: too many episodes broke
    2  ConfigError    the configuration, or the folder it names, is wrong
    3  PoolError      the environment or the cluster is wrong (defined in spikeloop.cluster.pool)
       Unavailable    a learner's package is missing  (defined in spikeloop.workers.base)
    4  Interrupted    stopped by a signal, resumable     (defined in spikeloop.cluster.signals)

Messages are one line: what is wrong, where, and how to mend it.
"""


class ConfigError(Exception):
    """A configuration, an option or a path that the user has to change."""


class NeedsTrust(ConfigError):
    """A folder's configuration names something that is only used with ``--trust``."""


class RunFailed(Exception):
    """A run that cannot go on.

    Attributes:
        traceback: one quoted traceback of a learner, or "".
    """

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
