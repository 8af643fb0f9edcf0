"""From an accepted socket to what answers it: one port for every protocol, TLS, Google's hosts in place of Google."""
