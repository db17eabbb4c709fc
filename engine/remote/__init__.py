"""Models behind a server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, OpenAI, Gemini and others.

    provider.py       what the settings say about a server, and what api:PROVIDER/MODEL means
    addresses.py      which base URLs are allowed
    keys.py           API keys: from the environment or the keyring, never shown
    dialects.py       what is asked, in the words of each kind of server
    events.py         bytes of a streamed answer -> pieces of a reply
    transport.py      one request: connection, time limits, size limits
    refusals.py       what a server or the network refused -> a sentence for a person
    listing.py        GET /models
    fitting.py        which turns of a long conversation are sent
    reply.py          one streamed reply in time and in bounds
    remote_engine.py  RemoteEngine: an `Engine` made of the above

The one rule: whatever a server sends is foreign; it is bounded in size and time, and the key goes to no origin
but the configured one.
"""
