"""The steps of the data's path, one file each: they call ports in the right order and decide nothing."""
