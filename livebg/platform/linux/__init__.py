"""Linux: V4L2, v4l2loopback, inotify, procfs, systemd."""
