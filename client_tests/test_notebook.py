"""The cells of Google's tuning notebooks after the job: experiment, charts, traffic of a copied model, clean-up."""

from __future__ import annotations

from typing import Any

import pytest

from client_tests.row import Row
from client_tests.running import Stage, run_row

pytestmark = pytest.mark.clients

SERIES = ("/train_fraction_of_correct_next_step_preds", "/train_num_predictions", "/train_total_loss")
STEPS = 25
"""Of five epochs over 20 examples in batches of 4."""

EXPECTED: dict[str, Any] = {
    "metrics": dict.fromkeys(SERIES, STEPS),
    "loss": True,
    "frame": [
        *("experiment_name", "metric.train_total_loss"),
        *("param.adapter_size", "param.base_model", "param.epoch_count", "param.learning_rate_multiplier"),
        *("run_name", "run_type", "state"),
        *(f"time_series_metric.{name}" for name in SERIES),
    ],
    "row": "COMPLETE",
    "get_experiment_df": 1,
    "run": ["COMPLETE", 5.0, True],
    "artifacts": ["google.VertexTensorboardRun"],
    "copy": True,
    "traffic": [40, 60],
    "answers": {"eight": 5},
    "undeployed": True,
    "export": "ValueError",  # the client's own: a model of Gemini has no format to export
    "experiments": 0,
    "runs": 0,
    "delete": "gone",
}


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_the_cells_of_google_s_notebooks_pass(stage: Stage, transport: str) -> None:
    """google-cloud-aiplatform, unmodified: every cell ends, and nothing that it asked for was refused."""
    row = Row(
        name=f"notebook-{transport}",
        package="google-cloud-aiplatform",
        environment="aiplatform-2.7",
        api="vertex",
        transport=transport,
        program="aiplatform_notebook.py",
        arguments=(transport,),
        pointing="",
        settings={"anonymous": True},
        variables={} if transport == "rest" else {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "{ca}"},
    )
    outcome = run_row(row, stage)
    assert outcome.exit_status == 0, outcome.errors
    printed: dict[str, Any] = {name: step.get("value") for name, step in outcome.steps.items()}
    assert printed.pop("poll")[-1] == "JOB_STATE_SUCCEEDED"
    assert printed == EXPECTED
    assert dict(outcome.refused) == {("GetEndpoint", 404): 1}  # it looks whether the endpoint is gone
