"""Pictures: heat maps, how well they find what masks mark, and a page of the worst and the most ordinary images."""
