"""``python -m polymm`` is the command ``polymm``."""

from polymm.cli import main

if __name__ == "__main__":
    main()
