"""Markdown pages whose tables and numbers come from rows: marked there, written and checked by a command."""
