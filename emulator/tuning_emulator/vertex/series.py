"""The metrics of a tuning job as TensorBoard's time series.

Sources: cloud.google.com …/tuning/tuning-metrics (the names); tensorboard_data.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from tuning_emulator.core.records import MetricPoint, TuningMethod
from tuning_emulator.schema.schema import Value


class Series(Struct, frozen=True):
    """One metric of a run. ``kind``: of the points that have it. ``read``: its value at a point."""

    name: str
    kind: str
    read: Callable[[MetricPoint], float]


def _read_loss(point: MetricPoint) -> float:
    return point.mean_loss


def _read_fraction(point: MetricPoint) -> float:
    return point.correct / point.predictions if point.predictions else 0.0


def _read_count(point: MetricPoint) -> float:
    return float(point.predictions)


SUPERVISED: tuple[Series, ...] = tuple(
    Series(f"/{kind}_{name}", kind, read)
    for kind in ("train", "eval")
    for name, read in (
        ("total_loss", _read_loss),
        ("fraction_of_correct_next_step_preds", _read_fraction),
        ("num_predictions", _read_count),
    )
)
PREFERENCE: tuple[Series, ...] = (
    Series("/preference_optimization_train_loss", "train", _read_loss),
    Series("/eval_total_loss", "eval", _read_loss),
)


def list_series(
    method: TuningMethod, train: Sequence[MetricPoint], evaluated: Sequence[MetricPoint]
) -> list[tuple[str, Series, Sequence[MetricPoint]]]:
    """Id and points of each metric that has any."""
    known = PREFERENCE if method is TuningMethod.PREFERENCE else SUPERVISED
    points = {"train": train, "eval": evaluated}
    return [(str(number), one, points[one.kind]) for number, one in enumerate(known, 1) if points[one.kind]]


def format_series(name: str, series: Series, points: Sequence[MetricPoint], etag: str) -> Value:
    """A ``TensorboardTimeSeries``."""
    last = points[-1]
    return {
        "name": name,
        "display_name": series.name,
        "value_type": "SCALAR",
        "create_time": points[0].computed_ns,
        "update_time": last.computed_ns,
        "etag": etag,
        "plugin_name": "scalars",
        "metadata": {"max_step": last.step, "max_wall_time": last.computed_ns},
    }


def thin(values: Sequence[Value], limit: int) -> Sequence[Value]:
    """At most so many values, evenly spread, the first and the last among them. The service draws them at random."""
    if limit < 0 or len(values) <= limit:
        return values
    return [values[-1]] if limit == 1 else [values[round(n * (len(values) - 1) / (limit - 1))] for n in range(limit)]


def list_values(series: Series, points: Sequence[MetricPoint]) -> list[Value]:
    """Its points as ``TimeSeriesDataPoint`` messages."""
    return [
        {"wall_time": point.computed_ns, "step": point.step, "scalar": {"value": series.read(point)}}
        for point in points
    ]


def format_data(identifier: str, values: Sequence[Value]) -> Value:
    """A ``TimeSeriesData``."""
    return {"tensorboard_time_series_id": identifier, "value_type": "SCALAR", "values": list(values)}
