"""The learned Θ as Python sees it: physical values by name, with their units."""

import pandas as pd

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.report.page import Table
from spikeloop.coordinator.report.theta_table import COLUMNS, MOST_ROWS, theta_rows
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import ParameterSpace


class LearnedTheta(Theta):
    """Hyperparameters by name, in physical units.

        run.theta["inhibition"]        # a number, an option's name, or an array of weights
        run.theta.inhibition           # the same, as a learner written for one episode has it
        run.theta.units["inhibition"]  # "code"
        run.theta.default["inhibition"]
        dict(run.theta)

    Attributes:
        space: the hyperparameters with bounds, defaults, units and meanings.
        point: (n_dim,) the same Θ in the coordinates of the strategy.
    """

    def __init__(self, space: ParameterSpace, point: FloatArray) -> None:
        super().__init__(space.decode(point[None, :]))
        self.space = space
        self.point = point

    @property
    def default(self) -> "LearnedTheta":
        """The default Θ, from which a search begins unless told otherwise."""
        return LearnedTheta(self.space, self.space.default_point())

    @property
    def frame(self) -> pd.DataFrame:
        """One row a hyperparameter: value, default, unit, bounds, scale of the search, meaning.

        An array of weights has its values as one object; ``low`` may name another hyperparameter.
        """
        default = self.default
        rows = [
            {
                "learned": self[parameter.name],
                "default": default[parameter.name],
                "unit": parameter.unit,
                "low": getattr(parameter, "low", None),
                "high": getattr(parameter, "high", None),
                "scale": parameter.scale if isinstance(parameter, Real) else None,
                "description": parameter.description,
            }
            for parameter in self.space.parameters
        ]
        names = pd.Index([parameter.name for parameter in self.space.parameters], name="theta")
        return pd.DataFrame(rows, index=names)

    def __repr__(self) -> str:
        table = theta_block("", self.space, self.point)
        return pd.DataFrame(table.rows, columns=list(table.head)).to_string(index=False)

    def _repr_html_(self) -> str:
        return fragment([theta_block("Θ", self.space, self.point)])


def theta_block(caption: str, space: ParameterSpace, point: FloatArray) -> Table:
    """Lay out a point, (n_dim,): values beside defaults, units and ranges."""
    rows = [row.cells for row in theta_rows(space, point)]
    if (n := len(rows)) > MOST_ROWS:
        caption = f"{caption}, the first {MOST_ROWS} of {n} hyperparameters"
    return Table(caption, COLUMNS, rows[:MOST_ROWS], "lrrll")
