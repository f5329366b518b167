"""The real device: the programs that the simulated GPU runs, on an NVIDIA card, with times that are measured."""
