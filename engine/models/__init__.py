"""The torch room: everything here imports torch; nothing outside `engine/models` and `trainers/methods` may."""
