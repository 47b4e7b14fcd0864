"""Objects in S3 by the older name, which means the older names of objects and only what succeeded."""

from tianji.callbacks.vendors.s3_v2 import build

__all__ = ["build"]
