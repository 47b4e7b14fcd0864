"""Google's form of a chat: generateContent of the Gemini API and of Vertex AI, in both directions."""
