"""The book-keeping engine against autograd, one record at a time."""
