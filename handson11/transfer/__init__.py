"""Reusing the layers of another network: tasks, clones that share nothing, freezing and thawing, measured gains."""
