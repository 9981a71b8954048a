"""What benchmarks measure on: sites and data that are made, never read from anywhere."""
