"""The pages, and what makes the parts of them that are not written by hand; see README.md."""
