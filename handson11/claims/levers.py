"""Study of section 11.3: five levers that shorten training (CL-55)."""
