"""Dataset statistics as ``tuningDataStats`` prints them. Arithmetic and shapes were read off a recorded body."""

from __future__ import annotations

from emulator.core.records import DatasetStatistics, Distribution, TuningMethod
from emulator.schema.declare import Value


def format_statistics(statistics: DatasetStatistics, method: TuningMethod, steps: int) -> Value:
    """``tuningDataStats`` of a job. ``steps``: 0 while the job has not succeeded, when no step count is shown."""
    if method is TuningMethod.PREFERENCE:
        return {"preference_optimization_data_stats": _format_preference(statistics, steps)}
    if method is TuningMethod.DISTILLATION:
        return {"distillation_data_stats": {"training_dataset_stats": _format_dataset(statistics, steps)}}
    return {"supervised_tuning_data_stats": _format_supervised(statistics, steps)}


def _format_supervised(statistics: DatasetStatistics, steps: int) -> Value:
    return {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, float),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, float),
        "user_message_per_example_distribution": _format_distribution(statistics.messages, float),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "total_truncated_example_count": statistics.dropped_count,
        "truncated_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }


def _format_dataset(statistics: DatasetStatistics, steps: int) -> Value:
    """The general message: what the supervised one says, under names of its own."""
    return {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, int),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, int),
        "user_message_per_example_distribution": _format_distribution(statistics.messages, int),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "dropped_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }


def _format_preference(statistics: DatasetStatistics, steps: int) -> Value:
    value: Value = {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, int),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, int),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "dropped_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }
    if statistics.scores is not None:
        value["scores_distribution"] = _format_distribution(statistics.scores, int)
    if statistics.score_variance is not None:
        value["score_variance_per_example_distribution"] = _format_distribution(statistics.score_variance, int)
    return value


def _format_distribution(distribution: Distribution, count: type[int] | type[float]) -> Value:
    """One distribution. Bucket counts are doubles in the supervised message and int64 in the general one."""
    return {
        "sum": distribution.sum,
        "min": distribution.min,
        "max": distribution.max,
        "mean": distribution.mean,
        "median": distribution.median,
        "p5": distribution.p5,
        "p95": distribution.p95,
        "buckets": [
            {"count": count(number), "left": left, "right": right} for number, left, right in distribution.buckets
        ],
    }
