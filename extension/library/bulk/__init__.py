"""Work on many files: moved, renamed, deleted with all that stands beside them, or not at all."""
