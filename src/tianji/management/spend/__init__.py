"""What requests cost: single ones, sums by day, prices asked for beforehand, exports."""
