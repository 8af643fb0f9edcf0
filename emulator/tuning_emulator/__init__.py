"""A local server that answers the Gemini API's tunedModels and Vertex AI's tuningJobs as the real services do."""

__version__ = "0.1.0"
