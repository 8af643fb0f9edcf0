"""The Gemini API: tunedModels, permissions, operations and inference on models and tuned models."""
