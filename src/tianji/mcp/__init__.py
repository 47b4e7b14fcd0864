"""Servers of tools, by the Model Context Protocol: how they are reached, and how their tools are called here."""
