"""The steps of the data's path, one a file: they call ports in order and decide nothing."""
