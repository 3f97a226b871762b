"""存储层: PostgreSQL is the truth. A file per topic; nothing here knows Redis or HTTP."""
