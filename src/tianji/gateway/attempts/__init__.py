"""The attempts of one request: what follows when the first choice was not enough, and how it fails."""
