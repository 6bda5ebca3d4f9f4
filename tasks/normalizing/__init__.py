"""The parts of the normalize step: finding the header, telling data rows from the rest, and the cell rules."""
