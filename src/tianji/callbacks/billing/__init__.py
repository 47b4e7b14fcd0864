"""What was spent, as programs for bills take it: sums of days, written out again until their day is over."""
