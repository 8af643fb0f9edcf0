"""What Google's tuning notebooks do after a job: experiment, charts, data frame, a copy of the model, clean-up.

Argument: ``rest`` or ``grpc``. The reads are those of gemini/tuning/sft_gemini_summarization.ipynb of
github.com/GoogleCloudPlatform/generative-ai, the deletes those of its last cells.
"""

from __future__ import annotations

import sys
from collections import Counter

import vertexai
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform.metadata import context
from google.cloud.aiplatform.metadata import utils as metadata_utils
from story import DATASET, EPOCHS, HOST, LOCATION, PROJECT, QUESTION, URL, VERTEX_BASE, poll, tell
from vertexai.generative_models import GenerativeModel
from vertexai.tuning import sft

REST = sys.argv[1] == "rest"
POINTING = (
    {"api_endpoint": URL, "api_transport": "rest"} if REST else {"api_endpoint": f"localhost:{HOST.rpartition(':')[2]}"}
)
vertexai.init(project=PROJECT, location=LOCATION, credentials=AnonymousCredentials(), **POINTING)


def look(job: sft.SupervisedTuningJob) -> tuple[str, bool]:
    """Where a job is now."""
    job.refresh()
    return job.state.name, job.has_ended


def read_experiment(job: sft.SupervisedTuningJob) -> aiplatform.Experiment:
    """The charts and tables of a job's experiment."""
    experiment = aiplatform.Experiment(experiment_name=job.experiment.resource_name)
    text = metadata_utils._make_filter_string(
        schema_title="system.ExperimentRun", parent_contexts=[experiment.resource_name]
    )
    run = context.Context.list(text)[0]
    board = experiment.get_backing_tensorboard_resource().resource_name
    name = f"{board}/experiments/{experiment.name}/runs/{run.name.replace(experiment.name, '')[1:]}"
    metrics = aiplatform.TensorboardRun(name).read_time_series_data()
    tell("metrics", {key: len(data.values) for key, data in metrics.items()})
    losses = [loss.scalar.value for loss in metrics["/train_total_loss"].values]
    tell("loss", losses[0] > losses[-1] > 0)
    frame = experiment.get_data_frame()
    tell("frame", sorted(frame.columns))
    tell("row", frame.iloc[0]["state"])
    if REST:  # the SDK asks for the metadata store over REST, whatever transport it was told to take
        aiplatform.init(experiment=experiment.name)
    tell("get_experiment_df", len(aiplatform.get_experiment_df(experiment.name)))
    (found,) = aiplatform.ExperimentRun.list(experiment=experiment.name)
    tell("run", [found.get_state(), found.get_params()["epoch_count"], len(found.get_time_series_data_frame()) > 0])
    tell("artifacts", [one.schema_title for one in found.get_artifacts()])
    return experiment


def copy_model(job: sft.SupervisedTuningJob) -> None:
    """A copy in another region, deployed beside the original with a share of its traffic."""
    copied = aiplatform.Model(job.tuned_model_name).copy(destination_location=LOCATION)
    tell("copy", copied.resource_name != job.tuned_model_name.partition("@")[0])
    endpoint = aiplatform.Endpoint(job.tuned_model_endpoint_name)
    (first,) = endpoint.list_models()
    endpoint.deploy(copied, traffic_percentage=40)
    tell("traffic", sorted(endpoint.traffic_split.values()))
    model = GenerativeModel(endpoint.resource_name)
    tell("answers", Counter(model.generate_content(QUESTION).text for _ in range(5)))
    endpoint.update(traffic_split={first.id: 100})
    (second,) = (one for one in endpoint.list_models() if one.id != first.id)
    endpoint.undeploy(deployed_model_id=second.id)
    tell("undeployed", dict(endpoint.traffic_split) == {first.id: 100})
    copied.delete()
    try:
        aiplatform.Model(job.tuned_model_name).export_model(
            "custom-trained", artifact_destination="gs://client-data/out"
        )
    except (exceptions.FailedPrecondition, ValueError) as error:
        tell("export", type(error).__name__)


def main() -> None:
    """The cells, from the job on."""
    job = sft.train(source_model=VERTEX_BASE, train_dataset=DATASET, epochs=EPOCHS, tuned_model_display_name="charts")
    tell("poll", poll(lambda: look(job)))
    experiment = read_experiment(job)
    copy_model(job)
    for one in aiplatform.Experiment.list():
        one.delete(delete_backing_tensorboard_runs=True)
    tell("experiments", len(aiplatform.Experiment.list()))
    tell("runs", len(aiplatform.TensorboardRun.list(_name_board_experiment(experiment))))
    aiplatform.Endpoint(job.tuned_model_endpoint_name).delete(force=True)
    try:
        tell("delete", aiplatform.Endpoint(job.tuned_model_endpoint_name).display_name)
    except exceptions.NotFound:
        tell("delete", "gone")


def _name_board_experiment(experiment: aiplatform.Experiment) -> str:
    board = aiplatform.Tensorboard.list()[0].resource_name
    return f"{board}/experiments/{experiment.name}"


main()
