"""PyTorch's module database, run against minigrad: `python -m tests.op_db.modules`."""
