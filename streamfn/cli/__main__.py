"""``python -m streamfn.cli``, for where no script is on the path."""

from streamfn.cli import main

if __name__ == "__main__":
    main()
