"""JSON as bytes: members found, edited and filled in without decoding the rest."""
