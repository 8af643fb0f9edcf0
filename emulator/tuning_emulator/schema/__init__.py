"""How the services' wire messages are declared, once, and what follows from the declarations."""
