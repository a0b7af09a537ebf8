"""What ``minigrad train`` trains."""
