"""The torch room: all that imports torch lives here or in `trainers/methods`, and nowhere else."""
