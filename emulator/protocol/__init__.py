"""Google's HTTP/JSON front end: transcoding, errors, credentials, streaming. It knows nothing of tuning."""
