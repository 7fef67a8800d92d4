"""What ``make bench`` measures: always against something bare in the same run, so that the ratio means something."""
