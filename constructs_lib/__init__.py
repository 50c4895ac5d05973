"""A construct for each capability that the primer teaches. Each can be used alone in any stack."""
