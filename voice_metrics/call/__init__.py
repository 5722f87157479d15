"""One call, without Pipecat, network or clock: facts in, record and summary out."""
