"""Benchmarks of a whole network of real processes, each figure beside the floor of this machine.

Figures of different runs do not compare, the machine may be busy; the ratios of one run do.
"""
