"""What models cost: the catalogue, what a configuration says instead, and how a cost comes about."""
