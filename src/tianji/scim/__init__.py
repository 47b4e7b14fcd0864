"""Whoever manages people elsewhere puts them and their groups here, and takes them away: SCIM 2.0."""
