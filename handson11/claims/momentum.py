"""Studies of sections 11.3.1 and 11.3.2: momentum and Nesterov's form (CL-56 … CL-61)."""
