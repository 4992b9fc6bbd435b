"""What single operations cost, beside the library that others would use for the same: `python -m benchmarks.micro`."""
