"""管理后台 /console: one page for each thing that the staff do, behind one lock (lock.py) that reads one table (doors.py)."""
