"""Small programs that the Makefile calls; none of them is part of the installed package."""
