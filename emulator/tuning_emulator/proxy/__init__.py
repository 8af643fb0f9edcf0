"""From an accepted socket to what answers it: the port, TLS, tunnels, and Google's other services."""
