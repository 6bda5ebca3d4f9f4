"""The method's formulas beside answers somebody else published."""
