"""qlab: neural-network quantization in PyTorch, short enough to read and exact to the bit."""
