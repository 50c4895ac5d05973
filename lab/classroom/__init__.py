"""A class: who has done which exercise, what each is handed, and what it costs."""
