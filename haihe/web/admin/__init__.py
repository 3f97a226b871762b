"""管理端: departments that supply records, and the staff who answer for the rules."""
