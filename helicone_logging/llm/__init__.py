"""What language-model APIs say: messages, content and media, and one reader for each family of APIs."""
