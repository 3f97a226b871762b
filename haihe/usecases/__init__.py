"""用例层: one file for each thing that someone can ask for. It begins and ends the transaction, with the audit inside."""
