"""How every picture looks, and how it says that it only describes."""

import math

import plotly.graph_objects as go

GAP = "#c2410c"
TEST = "#1d4ed8"
TRAIN = "#15803d"
VALIDATION = "#7c3aed"
GREY = "#94a3b8"
INK = "#0f172a"
PALETTE = (TEST, GAP, TRAIN, VALIDATION, "#b45309", "#0e7490", "#be185d", "#4d7c0f", "#475569")

DESCRIPTIVE = "descriptive: the trials were chosen by their predecessors' results"


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


def percent(value: float, digits: int = 1) -> str:
    """0.964 as 96.4 %."""
    return f"{100 * value:.{digits}f} %"


def points(value: float, *, sign: bool = True) -> str:
    """0.036 as +3.6, in percentage points."""
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"


def shown_p(value: float) -> str:
    """A p-value to two digits; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.2g}" if value >= 0.0001 else "< 0.0001"
