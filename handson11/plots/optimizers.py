"""The figures of sections 11.3 to 11.3.5: paths, races, and what optimizers remember."""
