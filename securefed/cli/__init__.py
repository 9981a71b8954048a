"""The command line: nouns, then verbs. One file a noun; `app` only registers them."""
