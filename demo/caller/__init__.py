"""A caller without a browser: rings the bot over WebRTC, plays recordings, and waits for its turns."""
