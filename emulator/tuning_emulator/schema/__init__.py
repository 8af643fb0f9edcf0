"""Messages and methods as .proto files declare them: read once, and what follows from them."""
