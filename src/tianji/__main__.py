"""`python -m tianji`."""

from tianji.cli import main

main()
