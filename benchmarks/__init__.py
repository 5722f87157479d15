"""What the plug-in costs, side by side with what it stands beside; printed, never a gate."""
