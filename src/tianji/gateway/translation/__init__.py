"""The way of a request between its client's form and its upstream's, and what is read off it there."""
