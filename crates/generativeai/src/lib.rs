//! The chat SDK for Gemini models.
