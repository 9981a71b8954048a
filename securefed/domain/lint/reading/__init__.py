"""From a script's bytes to its facts. The script is parsed and never run."""
