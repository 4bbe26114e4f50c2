"""Python loads this by itself in every process whose PYTHONPATH names this folder: notebook kernels, command lines."""

from no_network import forbid_network

forbid_network()
