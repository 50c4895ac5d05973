"""What a destroy leaves behind, what it costs, and its removal."""
