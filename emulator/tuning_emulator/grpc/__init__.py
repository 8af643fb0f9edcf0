"""The same methods over gRPC: HTTP/2 connections, and calls between their streams and the services' handlers."""
