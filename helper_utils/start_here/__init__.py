"""The exercises and the quiz of the first lesson, which has no code of its own."""
