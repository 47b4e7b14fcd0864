"""Where answers are kept beyond a worker's memory: each is a `tianji.cache.far.Place`."""
