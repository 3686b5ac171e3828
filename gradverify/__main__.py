"""``python -m gradverify`` is the command line."""

from gradverify.cli import main

main()
