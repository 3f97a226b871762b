"""信用记录报送: from the bytes that a department sends to rows that can be checked, one at a time, in bounded memory."""
