"""How weights move by their gradients, with the same interface: Adam, and plain gradient descent."""
