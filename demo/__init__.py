"""What lets `bot.py` hold a real voice call with no key and no internet.

Three processes: the bot, a stand-in for its three cloud services (`demo.cloud`), and a caller (`demo.caller`) who rings
the bot over WebRTC. Everything stays on 127.0.0.1. None of this is installed with the plug-in.
"""
