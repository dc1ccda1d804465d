"""The learned Θ as Python sees it: physical values by name, with their units."""

import pandas as pd

from spikeloop.coordinator.report.theta_table import COLUMNS, theta_rows
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.own_learner import theta
from spikeloop.workers.space import ParameterSpace, Real


class Theta(theta.Theta):
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
    def default(self) -> "Theta":
        """The default Θ, from which a search begins unless told otherwise."""
        return Theta(self.space, self.space.default_point())

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
        return self._shown().to_string(index=False)

    def _repr_html_(self) -> str:
        return str(self._shown().to_html(index=False))

    def _shown(self) -> pd.DataFrame:
        cells = [row.cells for row in theta_rows(self.space, self.point)]
        return pd.DataFrame(cells, columns=list(COLUMNS))
