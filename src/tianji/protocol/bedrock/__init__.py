"""AWS Bedrock: the Converse API, its event stream, and the signature of requests."""
