"""`python -m tianji.mock`."""

from tianji.mock.cli import main

main()
