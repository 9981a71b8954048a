"""The audit report as values: what it says, without a word about how it looks.

`chronicle` reads a ledger, `subject` cuts out what is reported, the parts write sections of it, and
`whole` puts them together. Every value in a table carries the ledger entries that it comes from, or
"not evidenced"; every promise is a statement of the claim register.
"""
