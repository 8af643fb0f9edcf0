"""Jobs on a Ray cluster: placed, fed, followed and brought home by one process beside the server."""
