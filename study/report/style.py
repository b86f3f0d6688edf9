"""How every picture looks, and how it says that it only describes."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd
import plotly.graph_objects as go

GAP = "#c2410c"
TEST = "#1d4ed8"
TRAIN = "#15803d"
VALIDATION = "#7c3aed"
GREY = "#94a3b8"
INK = "#0f172a"
SOFT = "#475569"
PALETTE = (TEST, GAP, TRAIN, VALIDATION, "#b45309", "#0e7490", "#be185d", "#4d7c0f", "#475569")

DESCRIPTIVE = "descriptive: the trials were chosen by their predecessors' results"

BASE_RATE = "most frequent class"

# What a picture's buttons may do: an allow-list, so that what a later plotly.js brings, such as
# an upload, is not there until somebody wants it. The last lines are the same said twice.
BUTTONS = ("zoom2d", "pan2d", "resetScale2d", "toImage")
CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "displaylogo": False,
        "responsive": True,
        "showTips": False,
        "modeBarButtons": [list(BUTTONS[:2]), [BUTTONS[2]], [BUTTONS[3]]],
        "showSendToCloud": False,
        "plotlyServerURL": "",
    }
)


def styled(figure: go.Figure, title: str, *, height: int, descriptive: bool) -> go.Figure:
    """The figure with title, fonts and, where it applies, the word of caution under the title."""
    text = f"<b>{title}</b>"
    if descriptive:
        text += f"<br><span style='font-size:12px;color:{GAP}'>{DESCRIPTIVE}</span>"
    figure.update_layout(
        title={"text": text, "x": 0.0, "xanchor": "left", "font": {"size": 16, "color": INK}},
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 105, "b": 55},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        colorway=list(PALETTE),
        legend={"orientation": "h", "y": -0.18, "x": 0.0},
    )
    return figure


def interval_bars(own: pd.DataFrame, **style: Any) -> dict[str, Any]:
    """Error bars from the columns mean, low and high, which are shares, in percent."""
    return {
        "type": "data",
        "symmetric": False,
        "array": 100 * (own["high"] - own["mean"]),
        "arrayminus": 100 * (own["mean"] - own["low"]),
        **style,
    }


def draw_base_rate(
    figure: go.Figure,
    rate: float,
    *,
    along: str,
    in_percent: bool = True,
    row: int | None = None,
    col: int | None = None,
) -> None:
    """A dashed line at the accuracy of always saying the most frequent class, with its name.

    rate is a share from 0 to 1, and so is the axis unless in_percent; along is the accuracies'
    axis, "x" or "y".
    row and col name a subplot, None the only one there is.
    """
    line = {"color": GREY, "dash": "dash", "width": 1.5}
    text = f"{BASE_RATE} {percent(rate)}"
    label: dict[str, Any] = {"text": text, "font": {"size": 11, "color": SOFT}}
    where: dict[str, int | None] = {} if row is None else {"row": row, "col": col}
    if along == "x":
        label |= {"textposition": "end", "textangle": 0, "xanchor": "left", "yanchor": "top"}
        figure.add_vline(x=(100 if in_percent else 1) * rate, line=line, label=label, **where)
    else:
        label |= {"textposition": "end"}
        figure.add_hline(y=(100 if in_percent else 1) * rate, line=line, label=label, **where)


def note_base_rate(figure: go.Figure, rate: float) -> None:
    """The same in words, for a picture of differences that a line far below would flatten."""
    figure.add_annotation(
        text=f"{BASE_RATE} {percent(rate)}",
        font={"size": 11, "color": SOFT},
        showarrow=False,
        **{"xref": "paper", "yref": "paper", "x": 1.0, "y": 0.0},
        **{"xanchor": "right", "yanchor": "bottom"},
    )


def percent(value: float, digits: int = 1) -> str:
    """0.964 as 96.4 %."""
    return f"{100 * value:.{digits}f} %"


def points(value: float, *, sign: bool = True) -> str:
    """0.036 as +3.6, in percentage points."""
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"


def estimated(estimate: float, low: float, high: float, shown: Callable[[float], str]) -> str:
    """An estimate with its interval in brackets; without one where that is not known (NaN)."""
    if math.isnan(estimate):
        return "–"
    text = shown(estimate)
    return text if math.isnan(low) else f"{text} ({shown(low)} to {shown(high)})"


def shown_p(value: float) -> str:
    """A p-value to two digits; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.2g}" if value >= 0.0001 else "< 0.0001"
