"""A report's main pictures in the Optuna dashboard, beside the study's own."""

import copy

from storage.database.opening import open_database
from storage.trials.storage import TrialStorage
from study.analysis import Measurements, load_measurements
from study.report.building import Picture, picture

PICTURES = ("accuracy-gap", "effects", "importances", "incumbent")
UPLOADS = ("sendDataToCloud", "sendChartToCloud", "editInChartStudio")
MOST_POINTS = 200  # two kilobytes of picture are one transaction


def save_to_dashboard(study: str, storage: str) -> list[str]:
    """Save the pictures, in place of those saved before; the names of those that could be drawn.

    Raises what load_measurements raises.
    """
    import optuna
    from optuna_dashboard import save_plotly_graph_object

    drawn = _pictures(load_measurements(study, storage))
    with open_database(storage, create=False) as database:
        opened = optuna.load_study(study_name=study, storage=TrialStorage(database))
        for one in drawn:
            save_plotly_graph_object(opened, one.figure, graph_object_id=one.name)
    return [one.name for one in drawn]


def _pictures(measurements: Measurements) -> list[Picture]:
    found = [picture(measurements, name) for name in PICTURES]
    return [_small(one) for one in found if one is not None]


def _small(one: Picture) -> Picture:
    """The picture without its template and with every trace thinned evenly.

    The dashboard draws it with a configuration of its own: that no button uploads it is said in the
    figure itself.
    """
    figure = copy.deepcopy(one.figure)
    figure.layout.template = None
    figure.layout.modebar.remove = list(UPLOADS)
    for trace in figure.data:
        if trace.type == "scatter" and trace.text is not None and len(trace.x) > MOST_POINTS:
            step = -(-len(trace.x) // MOST_POINTS)
            for axis in ("x", "y", "text"):
                trace[axis] = trace[axis][::step]
    return Picture(one.name, one.caption, figure)
