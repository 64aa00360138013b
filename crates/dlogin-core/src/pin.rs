//! The PIN: asked for at the terminal or of a program.
