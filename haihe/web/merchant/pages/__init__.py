"""商户页面 /merchant: the counter for whoever serves, and the desk for whoever answers for the shop."""
