"""A stand-in for three cloud services on 127.0.0.1, so that Pipecat's own service classes can be used with no key.

It speaks the wire protocols that Pipecat's Gladia, OpenAI and Cartesia services speak. The speech is real: Moonshine
hears and Piper talks. The language model is a script and says so: its name is `scripted-demo`.
"""
