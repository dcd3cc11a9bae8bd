"""``python -m streamfn.cli``, for machines whose path has no script."""

from streamfn.cli import main

if __name__ == "__main__":
    main()
