"""The parties: what each one's process is, what it holds, and what it may see."""
