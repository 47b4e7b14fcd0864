"""Whole gateways between a load client and the mock provider, side by side in one run."""
