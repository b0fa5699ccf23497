"""What people read: reports on a scan or a job's run. They render what others decided, and decide nothing themselves."""
