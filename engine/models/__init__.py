"""The torch room: models, sampling and text generation. Imported by the engine and training processes only."""
