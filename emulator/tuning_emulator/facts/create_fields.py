"""What each field of ``tuningJobs.create`` and ``tunedModels.create`` does here; the documents list all.

Output-only fields are ignored, as the services do.
"""

from __future__ import annotations

from collections.abc import Iterator

from tuning_emulator.facts.request_fields import RequestField, list_inert

_FAILS = "the job is taken and ends in FAILED: no trainer here does that"
_RATES = "open models alone; others refuse it"


def _spec(name: str, *fields: str, **whys: str) -> Iterator[RequestField]:
    """Fields of a spec that act, most of them for a reason that all specs share."""
    shared = {
        "training_dataset_uri": "what is trained on",
        "validation_dataset_uri": "what the loss is measured on beside",
        "hyper_parameters.epoch_count": "passes over the examples",
        "hyper_parameters.learning_rate_multiplier": "of the model's own rate; open models refuse it",
        "hyper_parameters.adapter_size": "rank of the adapter",
        "hyper_parameters.batch_size": _RATES,
        "hyper_parameters.learning_rate": _RATES,
        "export_last_checkpoint_only": "no endpoints for the checkpoints before the last",
        "tuning_mode": "an adapter, or all weights",
        **whys,
    }
    return (RequestField(f"{name}.{field}", "acts", shared[field]) for field in (*fields, *whys))


_SETS = ("training_dataset_uri", "validation_dataset_uri")
_RATE = ("hyper_parameters.epoch_count", "hyper_parameters.learning_rate_multiplier")
_SIZES = ("hyper_parameters.batch_size", "hyper_parameters.learning_rate")
_ADAPTER = "hyper_parameters.adapter_size"

JOB_FIELDS: tuple[RequestField, ...] = (
    RequestField("tuned_model_display_name", "acts", "the tuned model's name"),
    RequestField("description", "acts", "kept and shown"),
    RequestField("base_model", "acts", "what is tuned"),
    RequestField("pre_tuned_model.tuned_model_name", "acts", "a tuned model to go on from"),
    RequestField("pre_tuned_model.checkpoint_id", "acts", "and which of its checkpoints"),
    RequestField("labels", "acts", "kept, shown and filtered by"),
    RequestField("output_uri", "acts", "gets the results"),
    RequestField("encryption_spec", "no effect", "checked and shown, but nothing is encrypted here"),
    RequestField("service_account", "no effect", "everybody may read every bucket here"),
    RequestField("custom_base_model", "no effect", "the base model's name says what is trained here"),
    *_spec("supervised_tuning_spec", *_SETS, *_RATE, _ADAPTER, *_SIZES, "export_last_checkpoint_only", "tuning_mode"),
    RequestField(
        "supervised_tuning_spec.evaluation_config", "acts", "its checkpoints are evaluated; no model judges them"
    ),
    *_spec(
        "preference_optimization_spec",
        *(*_SETS, *_RATE, _ADAPTER, "export_last_checkpoint_only"),
        **{"hyper_parameters.beta": "how far the model may go from where it began"},
    ),
    *_spec(
        "distillation_spec",
        *(*_SETS, *_RATE, _ADAPTER, *_SIZES, "tuning_mode"),
        student_model="what is tuned, where base_model is not set",
        base_teacher_model="whose answers are learned",
        tuned_teacher_model_source="a tuned model whose answers are learned",
        prompt_dataset_uri="the older name's successor",
    ),
    RequestField("distillation_spec.pipeline_root_directory", "no effect", "no pipeline is run here"),
    *_spec("full_fine_tuning_spec", *_SETS, *_RATE, *_SIZES),
    RequestField("full_fine_tuning_spec.hyper_parameters.adapter_size", "acts", "checked; all weights are tuned"),
    RequestField("partner_model_tuning_spec", "refused", _FAILS),
    RequestField("reinforcement_tuning_spec", "refused", _FAILS),
    RequestField("veo_tuning_spec", "refused", _FAILS),
    RequestField("veo_lora_tuning_spec", "refused", _FAILS),
)
"""Of Vertex AI's ``TuningJob``, in both versions."""

JOB_INERT = list_inert(JOB_FIELDS)
INERT_NAMES = frozenset(path[-1] for path in JOB_INERT)
"""Names of those without effect, in a job or in its spec: most jobs set none."""

_TASK = "tuning_task."
_PARAMETERS = _TASK + "hyperparameters."
_EXAMPLES = _TASK + "training_data.examples."

MODEL_FIELDS: tuple[RequestField, ...] = (
    RequestField("display_name", "acts", "the model's name, and its id's beginning"),
    RequestField("description", "acts", "kept and shown"),
    RequestField("base_model", "acts", "what is tuned"),
    RequestField("tuned_model_source.tuned_model", "acts", "a tuned model to go on from"),
    RequestField("temperature", "acts", "of requests that set none"),
    RequestField("top_p", "acts", "the same"),
    RequestField("top_k", "acts", "the same"),
    RequestField("reader_project_numbers", "acts", "projects that may read and ask the model"),
    RequestField(_EXAMPLES + "examples", "acts", "what is trained on"),
    RequestField(_EXAMPLES + "multiturn_examples", "acts", "the same, as conversations"),
    RequestField(_PARAMETERS + "epoch_count", "acts", "passes over the examples"),
    RequestField(_PARAMETERS + "batch_size", "acts", "examples a step"),
    RequestField(_PARAMETERS + "learning_rate", "acts", "of the optimiser"),
    RequestField(_PARAMETERS + "learning_rate_multiplier", "acts", "of the model's own rate"),
)
"""Of the Gemini API's ``TunedModel``, in all versions; beside it ``tuned_model_id`` names the model."""
