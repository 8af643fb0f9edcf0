"""Vertex AI: tuning jobs and what they leave behind: models, endpoints, experiments."""
