"""A caller with no head: rings the bot over WebRTC, speaks from recordings, listens for its turns."""
