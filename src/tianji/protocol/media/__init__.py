"""Pictures and sound in the forms of vendors: a module each, from OpenAI's form to the vendor's and back."""
