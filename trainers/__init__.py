"""Training: data sets, run directories, and the process that trains.

The modules of this package are the torch-free counter that the app imports; everything that needs torch lives
behind it in `trainers.methods`. The one rule: a run and the rest of the world share the run directory, nothing else.
"""
