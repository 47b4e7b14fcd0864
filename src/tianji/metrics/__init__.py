"""Numbers by whom they are for, under the names that dashboards know: summed up out of the journals."""
