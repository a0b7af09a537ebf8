"""PyTorch's operator database, run against minigrad: `python -m tests.op_db`."""
