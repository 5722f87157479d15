"""A real voice call for `bot.py` with no key and no internet.

Three processes, all on 127.0.0.1: the bot, a stand-in for its three cloud services (`demo.cloud`), and a caller
(`demo.caller`) that rings the bot over WebRTC. The plug-in's package does not contain them.
"""
