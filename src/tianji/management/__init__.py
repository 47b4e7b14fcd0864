"""Routes that tell about the gateway and manage it; none of them is on the way of a model call."""
