"""GGUF files, as llama.cpp, Ollama and LM Studio keep models: read, and written down as Hugging Face directories."""
