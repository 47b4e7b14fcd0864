"""Who is alerted of what goes wrong or costs much: rules over entries and sums, told once, over several channels."""
