"""Wire forms as pure functions and codecs, bytes in and values out, no sockets."""
