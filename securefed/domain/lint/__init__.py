"""The accounting linter: what a training script or declared numbers claim, and what is true.

`reading` turns a script's syntax tree into `facts`; `declared` fills the gaps from numbers that a
person states; each class in `mistakes` recognises one way of accounting wrongly and says what would
have to be computed. Nothing here runs a script, imports it, or computes an ε: `steps/lint_script`
asks the accountant. What cannot be told from the text is listed, and never guessed.
"""
